// What the buttons do. Nothing here knows the agent, except the two calls that report business events.

const status = document.getElementById('status');
const say = (text) => { status.textContent = text; };
const on = (id, action) => document.getElementById(id).addEventListener('click', action);

on('products', async () => {
  const products = await (await fetch('/api/products')).json();
  document.getElementById('list').replaceChildren(...products.map(({ name, price }) => {
    const row = document.createElement('li');
    row.append(Object.assign(document.createElement('span'), { textContent: name }), `${price.toFixed(2)} €`);
    return row;
  }));
  say(`${products.length} products`);
});

on('order', () => {
  window.faro?.api.pushEvent('order_placed', { product: 'Sidamo', quantity: '2' });
  window.faro?.api.pushMeasurement({ type: 'order', values: { total: 23.8 } });
  say('order placed');
});

on('broken', async () => {
  const answer = await fetch('/api/broken');
  say(`the API answered ${answer.status}`);
});

on('throw', () => {
  say('an error was thrown');
  throw new TypeError('the grinder is not connected');
});

on('reject', () => {
  say('a promise was rejected');
  Promise.reject(new Error('payment was declined'));
});

on('warn', () => {
  console.warn('stock is low', { product: 'Yirgacheffe', left: 3 });
  say('a warning was written');
});

on('slow', () => {
  const end = performance.now() + 120;
  while (performance.now() < end);
  say('the page was blocked for 120 ms');
});
