// One thread and an event loop (libuv); with CLUSTER set, that loop in several processes.
"use strict";
const cluster = require("node:cluster");
const net = require("node:net");
const os = require("node:os");

const LINE_BYTES_MAX = 65536;
const DRAIN_MS = 5000;

// 64-bit arithmetic in halves: BigInt is some fifty times as slow.
function work(rounds) {
  let high = 0x9e3779b9, low = 0x7f4a7c15;
  for (let i = rounds * 64; i > 0; i--) {
    low = (low ^ high) >>> 0;
    // x * 0xD6E8FEB86659FD93 modulo 2^64, by 16-bit digits of the low half.
    const l0 = low & 0xffff, l1 = low >>> 16;
    const p00 = l0 * 0xfd93, p01 = l0 * 0x6659, p10 = l1 * 0xfd93, p11 = l1 * 0x6659;
    const middle = (p00 / 65536 >>> 0) + (p01 & 0xffff) + (p10 & 0xffff);
    const carry = p11 + Math.floor(p01 / 65536) + Math.floor(p10 / 65536) + Math.floor(middle / 65536);
    const cross = Math.imul(high, 0x6659fd93) + Math.imul(low, 0xd6e8feb8);
    low = ((middle & 0xffff) << 16 | p00 & 0xffff) >>> 0;
    high = (carry + cross) >>> 0;
  }
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

const isWhole = (word) => /^[0-9]+$/.test(word);
const isInteger = (word) => /^-?[0-9]+$/.test(word);

// The reply to a line, at once or as a promise; `null` is the last one.
function answer(line) {
  const space = line.indexOf(32);
  const verb = (space < 0 ? line : line.subarray(0, space)).toString("latin1").toUpperCase();
  const rest = space < 0 ? Buffer.alloc(0) : line.subarray(space + 1);
  if (verb === "ECHO") return Buffer.concat([Buffer.from("OK "), rest, Buffer.from("\n")]);
  const words = rest.toString("latin1").split(/[ \t\r\f]+/).filter((word) => word);
  if (verb === "MUL") {
    if (words.length !== 2 || !words.every(isInteger)) {
      return "ERR bad-argument MUL takes two whole numbers in decimal, as in MUL 22 9\n";
    }
    return `OK ${BigInt(words[0].replace("-", "")) * BigInt(words[1].replace("-", "")) *
      (words[0].startsWith("-") === words[1].startsWith("-") ? 1n : -1n)}\n`;
  }
  if (verb === "WORK") {
    if (words.length < 3 || words.length > 4 || !words.slice(0, 3).every(isWhole)) {
      return "ERR bad-argument WORK takes rounds, microseconds, bytes and maybe a tag\n";
    }
    let reply = "OK " + work(Number(words[0])) + (words[3] ? " " + words[3] : "");
    const missing = Number(words[2]) - reply.length - 1;
    if (missing > 0) reply += " " + ".".repeat(missing - 1);
    const wait = Number(words[1]) / 1000;
    // One job is a turn: the others' sockets are looked at before the next.
    return new Promise((done) => {
      const leave = () => done(reply + "\n");
      if (wait > 0) setTimeout(leave, wait);
      else setImmediate(leave);
    });
  }
  if (verb === "QUIT") return null;
  return "ERR unknown-verb the verbs are ECHO, MUL, WORK and QUIT\n";
}

async function converse(client) {
  let rest = Buffer.alloc(0);
  const reply = async (line) => {
    const text = answer(line.at(-1) === 13 ? line.subarray(0, -1) : line);
    const whole = text instanceof Promise ? await text : text;
    if (!client.write(whole ?? "OK bye\n")) await new Promise((drained) => client.once("drain", drained));
    return whole !== null;
  };
  // Iterating reads no further while a reply waits: a client that does not read costs no memory.
  for await (const chunk of client.iterator({ destroyOnReturn: false })) {
    rest = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    let from = 0;
    for (let end; (end = rest.indexOf(10, from)) >= 0; from = end + 1) {
      if (!await reply(rest.subarray(from, end))) return;
    }
    rest = rest.subarray(from);
    if (rest.length >= LINE_BYTES_MAX) {
      client.write("ERR too-long a line holds 65536 bytes at most\n");
      return;
    }
    if (stopping) return;
  }
  if (rest.length && !stopping) await reply(rest);
}

let stopping = false;
const clients = new Set();

function serve(client) {
  clients.add(client);
  client.setNoDelay(true);
  client.on("error", () => {});
  client.on("close", () => clients.delete(client));
  converse(client).catch(() => client.destroy()).then(() => {
    client.end();
    client.on("error", () => {});
    client.resume();
    setTimeout(() => client.destroy(), 1000).unref();
  });
}

function main() {
  const server = net.createServer({ allowHalfOpen: true }, serve);
  server.on("error", (error) => {
    console.error(error.message);
    process.exit(1);
  });
  server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
  const stop = () => {
    stopping = true;
    server.close(() => process.exit(0));
    // What has arrived is answered in the turns of the loop before this one.
    setTimeout(() => clients.forEach((client) => client.push(null)), 10);
    setTimeout(() => process.exit(0), DRAIN_MS).unref();
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

if (process.env.CLUSTER && cluster.isPrimary) {
  for (let i = 0; i < os.availableParallelism(); i++) cluster.fork();
  let ending = false;
  cluster.on("exit", () => {
    if (!ending) cluster.fork();
    else if (Object.keys(cluster.workers).length === 0) process.exit(0);
  });
  const stop = () => {
    ending = true;
    for (const worker of Object.values(cluster.workers)) worker.kill("SIGTERM");
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
} else {
  main();
}
