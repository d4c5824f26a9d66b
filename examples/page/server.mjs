// Serves the example page, the agent's script and a small traced API. PORT and COLLECT_URL set where.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { serverSpan } from './tracer.mjs';

const PORT = Number(process.env.PORT ?? 8080);
const COLLECT_URL = process.env.COLLECT_URL ?? 'http://127.0.0.1:12347/collect';
const PRODUCTS = [{ name: 'Sidamo', price: 11.9 }, { name: 'Yirgacheffe', price: 13.5 }, { name: 'Huila', price: 10.4 }];

const FILES = {
  '/': ['index.html', 'text/html'],
  '/page.js': ['page.js', 'text/javascript'],
  '/farol.iife.js': ['../../npm/dist/farol.iife.js', 'text/javascript'],
};
const API = {
  '/api/products': () => [200, PRODUCTS],
  '/api/broken': () => [500, { error: 'the database is on strike' }],
};

async function answer(request, response) {
  const { pathname } = new URL(request.url, 'http://page');
  const send = (status, type, body) => {
    response.writeHead(status, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store' });
    response.end(body);
  };
  if (API[pathname]) {
    const span = serverSpan({
      service: 'roastery-api', collectUrl: COLLECT_URL, method: request.method, route: pathname, traceparent: request.headers.traceparent,
    });
    const [status, body] = API[pathname]();
    await new Promise((resolve) => { setTimeout(resolve, 15); });
    send(status, 'application/json', JSON.stringify(body));
    await span.end(status);
  } else if (FILES[pathname]) {
    const [file, type] = FILES[pathname];
    const body = await readFile(new URL(file, import.meta.url));
    send(200, type, pathname === '/' ? body.toString().replace('{{COLLECT_URL}}', COLLECT_URL) : body);
  } else {
    send(404, 'text/plain', 'not found');
  }
}

createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(error);
    response.destroy();
  });
}).listen(PORT, '127.0.0.1', () => console.log(`the page is on http://127.0.0.1:${PORT}/`));
