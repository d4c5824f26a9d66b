// A Loki that only records: it keeps the numbers it was sent and can be told to refuse, to stall, or to lose its answer.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { uncompress } from 'snappyjs';

const NUMBER = /numbered-(\d+)-/g;

/**
 * Starts on `port`. `counts` maps each number seen in a line `numbered-N-` to how often it was accepted.
 * `mode` may be changed at any time: `accept`, `refuse` (503), `stall` (no answer), `lose` (keeps nothing, cuts the connection).
 */
export async function startRecording({ port = 0 } = {}) {
  const backend = { counts: new Map(), pushes: 0, mode: 'accept' };
  const server = createServer(async (request, response) => {
    const chunks = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return; // The sender is gone, a killed receiver for example: what did not come whole is not counted.
    }
    if (backend.mode === 'stall') return;
    if (backend.mode === 'lose') {
      request.socket.destroy();
      return;
    }
    if (backend.mode === 'refuse') {
      response.writeHead(503).end('refusing');
      return;
    }
    const text = Buffer.from(uncompress(Buffer.concat(chunks))).toString('latin1');
    for (const [, number] of text.matchAll(NUMBER)) backend.counts.set(Number(number), (backend.counts.get(Number(number)) ?? 0) + 1);
    backend.pushes += 1;
    response.writeHead(204).end();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  backend.port = server.address().port;
  backend.url = `http://127.0.0.1:${backend.port}`;
  backend.stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return backend;
}
