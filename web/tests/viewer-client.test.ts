import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Client, Gone, NotAllowed, Refused } from "../viewer/client";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that answers each request by the next of some answers, the last of them again and again. */
async function served(answers: Answer[], use: (client: Client, told: (number | null)[], asked: string[]) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    (answers.length > 1 ? answers.shift()! : answers[0]!)(request, response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const told: (number | null)[] = [];
  const root = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dicomweb/main`;
  const client = new Client(root, { series: "1.9", imageSet: "abc" }, (seconds) => told.push(seconds));
  try {
    await use(client, told, asked);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const status = (code: number, body = "[]"): Answer => (_, response) => response.writeHead(code).end(body);
const cut: Answer = (request) => request.socket.destroy();

test("a server that is away or full is asked again, ever more seldom, and its return is told", async () => {
  await served([cut, status(503), status(200, '[{"a": 1}]')], async (client, told) => {
    assert.deepEqual(await client.metadata("1", "1.1"), [{ a: 1 }]);
    assert.deepEqual(told, [0.25, 0.5, null]);
  });
});

test("requests that fail together count as one, and nobody need wait", async () => {
  let up = false;
  const answer: Answer = (request, response) => (up ? status(200)(request, response) : request.socket.destroy());
  await served([answer], async (client, told, asked) => {
    const all = Promise.all([client.series("1"), client.series("2"), client.series("3")]);
    while (asked.length < 6) await new Promise((done) => setTimeout(done, 10));
    up = true;
    client.retry();
    await all;
    assert.ok(told.filter((one) => one !== null).length <= 3, String(told));
    assert.equal(told.at(-1), null);
  });
});

test("who does not want it any more does not wait for it", async () => {
  await served([status(503)], async (client) => {
    const control = new AbortController();
    const asked = client.metadata("1", "1.1", control.signal);
    setTimeout(() => control.abort(new Error("scrolled past")), 50);
    await assert.rejects(asked, /scrolled past/);
  });
});

test("what will not change by asking again is said", async () => {
  for (const [code, kind] of [[404, Gone], [410, Gone], [401, NotAllowed], [403, NotAllowed], [406, Refused], [500, Refused]] as const) {
    await served([status(code)], async (client, told) => {
      await assert.rejects(client.series("1"), kind);
      assert.deepEqual(told, []);
    });
  }
});

test("only the series of the image set is asked for by it", async () => {
  await served([status(200)], async (client, _, asked) => {
    await client.metadata("1", "1.9");
    await client.metadata("1", "1.1");
    assert.deepEqual(asked, ["/dicomweb/main/studies/1/series/1.9/metadata?imageSetId=abc", "/dicomweb/main/studies/1/series/1.1/metadata"]);
    assert.ok(await client.has("1", "1.9"));
  });
});

test("a part of a frame, of servers that give parts and of those that give all", async () => {
  const frame = { studyUid: "1", seriesUid: "1.1", sopInstanceUid: "1.1.1", frame: 2, instance: { "00280100": { vr: "US", Value: [16] } } };
  const part: Answer = (request, response) => {
    assert.equal(request.headers.range, "bytes=2-");
    response.writeHead(206, { "content-type": "image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202", "content-range": "bytes 2-5/6" }).end("cdef");
  };
  const whole: Answer = (_, response) => response.writeHead(200, { "content-type": "image/jphc" }).end("abcdef");
  for (const answer of [part, whole]) {
    await served([answer], async (client, _, asked) => {
      const found = await client.frame(frame as never, new AbortController().signal, 2);
      assert.deepEqual([new TextDecoder().decode(found.bytes), found.total, found.type], ["cdef", 6, "image/jphc"]);
      assert.deepEqual(asked, ["/dicomweb/main/studies/1/series/1.1/instances/1.1.1/frames/2"]);
    });
  }
});
