// SPDX-License-Identifier: MIT
// Shows what /state.json says, and for the queue that is named behind # what /queue.json says, once a second. Names are
// anybody's: they become text and never markup.
"use strict";

const PERIOD_MS = 1000;
const PATIENCE_MS = 5000;
const POINTS = 120; // of a small graph, one a second

const at = (id) => document.getElementById(id);

const rows = new Map(); // by the queue's name
let latest = null; // what /state.json said last
let detail = null; // what /queue.json said last
let chosen = "";
let redraws = 0;

// ------------------------------------------------------------------ texts

function count(number) {
  if (number === undefined || number === null) return "–";
  if (number < 10 && number !== Math.round(number)) return number.toFixed(1);
  if (number < 10000) return String(Math.round(number));
  for (const [unit, size] of [["k", 1e3], ["M", 1e6], ["G", 1e9], ["T", 1e12]]) {
    if (number < 999.5 * size) return Number((number / size).toPrecision(3)) + " " + unit;
  }
  return number.toExponential(2);
}

function memory(bytes) {
  if (bytes === undefined || bytes === null) return "–";
  let unit = 0;
  for (; bytes >= 1024 && unit < 5; unit++) bytes /= 1024;
  const digits = unit > 0 && bytes < 10 ? 1 : 0;
  return bytes.toFixed(digits).replace(/\.0$/, "") + " " + ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][unit];
}

function age(ms) {
  if (ms === undefined || ms === null) return "–";
  if (ms < 1000) return ms + " ms";
  const tenths = Math.round(ms / 100);
  if (tenths < 100) return (tenths / 10).toFixed(1) + " s";
  for (const [unit, size, most] of [["s", 1e3, 100], ["min", 6e4, 100], ["h", 36e5, 48]]) {
    if (Math.round(ms / size) < most) return Math.round(ms / size) + " " + unit;
  }
  return Math.round(ms / 864e5) + " d";
}

function timeInQueue(ms) {
  return ms < 1 ? "< 1 ms" : age(ms);
}

function clock(ms) {
  return new Date(ms).toLocaleTimeString([], { hour12: false });
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function mark(node, name, value) {
  if (node.dataset[name] !== value) node.dataset[name] = value;
}

// ------------------------------------------------------------------ judgements

const CALM = ["ok", "empty", "draining"];
const LEVELS = { good: 0, calm: 0, warn: 1, bad: 2 };

function levelOfQueue(queue) {
  if (["damaged", "foreign", "incomplete", "unreadable", "full", "unfinished"].includes(queue.word)) return "bad";
  if (queue.messages > 0 && queue.consumers === 0) return "warn";
  if (["paused", "forbidden", "shut down", "removed", "missing"].includes(queue.word)) return "warn";
  if (queue.why || queue.fill >= 80) return "warn";
  return queue.word === "empty" ? "calm" : CALM.includes(queue.word) ? "good" : "calm";
}

function levelOfFill(fill) {
  return fill >= 95 ? "bad" : fill >= 80 ? "warn" : "good";
}

function levelOfParty(party) {
  if (/dead|stop/.test(party.state)) return "bad";
  if (/block|gave|aside|pause/.test(party.state)) return "warn";
  return /run/.test(party.state) ? "good" : "calm";
}

// ------------------------------------------------------------------ graphs

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

// Makes the canvas as many pixels as the screen has there. Return: its context; null if nobody can see it.
function prepare(canvas) {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const ratio = window.devicePixelRatio || 1;
  if (width === 0 || height === 0) return null;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// The newest point is at the right edge; where nothing is known, there is a gap.
function line(context, points, most, box, name, filled) {
  const step = box.width / (box.points - 1);
  const x = (i) => box.left + box.width - (points.length - 1 - i) * step;
  const y = (value) => box.top + box.height - (Math.min(value, most) / most) * box.height;
  let begun = -1;
  const end = (last) => {
    if (begun < 0) return;
    context.lineWidth = 1.5;
    context.strokeStyle = colour(name);
    context.lineJoin = "round";
    context.stroke();
    if (filled) {
      context.lineTo(x(last), box.top + box.height);
      context.lineTo(x(begun), box.top + box.height);
      context.closePath();
      context.globalAlpha = 0.18;
      context.fillStyle = colour(name);
      context.fill();
      context.globalAlpha = 1;
    }
    begun = -1;
  };
  for (let i = Math.max(0, points.length - box.points); i < points.length; i++) {
    if (points[i] === null) {
      end(i - 1);
    } else if (begun < 0) {
      begun = i;
      context.beginPath();
      context.moveTo(x(i), y(points[i]));
    } else {
      context.lineTo(x(i), y(points[i]));
    }
  }
  end(points.length - 1);
}

function highest(...series) {
  let most = 0;
  for (const points of series) for (const point of points) if (point !== null && point > most) most = point;
  return most;
}

// The next of 1, 2, 5, 10, 20, 50...
function roundUp(number) {
  if (number <= 1) return 1;
  const size = 10 ** Math.floor(Math.log10(number));
  for (const step of [1, 2, 5, 10]) if (number <= step * size) return step * size;
  return 10 * size;
}

function drawSmall(canvas, queue) {
  const context = prepare(canvas);
  if (context === null) return;
  const box = { left: 1, top: 2, width: canvas.clientWidth - 2, height: canvas.clientHeight - 4, points: POINTS };
  const most = Math.max(1, highest(queue.ins, queue.outs));
  line(context, queue.fills, 100, box, "fill", true);
  line(context, queue.ins, most, box, "in", false);
  line(context, queue.outs, most, box, "out", false);
}

function drawLarge(canvas, series, most, unit) {
  const context = prepare(canvas);
  if (context === null) return;
  const box = { left: 46, top: 8, width: canvas.clientWidth - 50, height: canvas.clientHeight - 28, points: 2 * POINTS };
  context.font = "11px system-ui, sans-serif";
  context.lineWidth = 1;
  context.strokeStyle = colour("line");
  context.fillStyle = colour("faint");
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const part of [0, 0.5, 1]) {
    const y = Math.round(box.top + box.height * (1 - part)) + 0.5;
    context.beginPath();
    context.moveTo(box.left, y);
    context.lineTo(box.left + box.width, y);
    context.stroke();
    context.fillText(count(most * part) + unit, box.left - 6, y);
  }
  context.textBaseline = "top";
  for (const [part, text, align] of [[0, "2 min ago", "left"], [0.5, "1 min", "center"], [1, "now", "right"]]) {
    context.textAlign = align;
    context.fillText(text, box.left + box.width * part, box.top + box.height + 6);
  }
  for (const [points, name, filled] of series) line(context, points, most, box, name, filled);
}

// ------------------------------------------------------------------ all queues

function element(kind, name, text) {
  const node = document.createElement(kind);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
}

function newRow(name) {
  const node = element("tr");
  const row = { node, cells: {} };
  for (const cell of ["name", "state", "fill", "graph", "messages", "oldest", "in", "out", "producers", "consumers", "memory", "owner"]) {
    const numeric = !["name", "state", "fill", "graph", "owner"].includes(cell);
    row.cells[cell] = node.appendChild(element("td", (numeric ? "number " : "") + cell));
  }
  row.link = row.cells.name.appendChild(element("a", "", name));
  row.link.href = "#" + encodeURIComponent(name);
  row.why = row.cells.name.appendChild(element("p", "why"));
  row.state = row.cells.state.appendChild(element("span", "state"));
  row.meter = row.cells.fill.appendChild(element("div", "meter"));
  row.meter.setAttribute("role", "meter");
  row.meter.setAttribute("aria-label", "full");
  row.meter.setAttribute("aria-valuemin", "0");
  row.meter.setAttribute("aria-valuemax", "100");
  row.level = row.meter.appendChild(element("i"));
  row.percent = row.meter.appendChild(element("span"));
  row.canvas = row.cells.graph.appendChild(element("canvas"));
  row.canvas.setAttribute("role", "img");
  row.canvas.setAttribute("aria-label", "fill and rates of the last two minutes");
  node.addEventListener("click", (event) => {
    if (event.target !== row.link) location.hash = "#" + encodeURIComponent(name);
  });
  return row;
}

function isVisible(node) {
  const box = node.getBoundingClientRect();
  return box.bottom > 0 && box.top < window.innerHeight;
}

function fillRow(row, queue) {
  const readable = queue.messages !== undefined;
  put(row.state, queue.state);
  mark(row.state, "level", levelOfQueue(queue));
  put(row.why, queue.why);
  put(row.cells.owner, queue.owner);
  row.node.setAttribute("aria-current", String(queue.name === chosen));
  row.meter.hidden = !readable;
  if (readable) {
    row.level.style.width = queue.fill + "%";
    put(row.percent, queue.fill + " %");
    row.meter.setAttribute("aria-valuenow", queue.fill);
    mark(row.meter, "level", levelOfFill(queue.fill));
  }
  put(row.cells.messages, count(queue.messages));
  put(row.cells.oldest, age(queue.oldest_ms));
  put(row.cells.in, count(queue.in));
  put(row.cells.out, count(queue.out));
  put(row.cells.producers, count(queue.producers));
  put(row.cells.consumers, count(queue.consumers));
  put(row.cells.memory, memory(queue.memory));
}

const ORDERS = {
  name: () => 0,
  trouble: (queue) => LEVELS[levelOfQueue(queue)],
  messages: (queue) => queue.messages || 0,
  fill: (queue) => queue.fill || 0,
  oldest: (queue) => queue.oldest_ms || 0,
  rate: (queue) => (queue.in || 0) + (queue.out || 0),
};

function wanted() {
  const order = ORDERS[at("sort").value];
  const part = at("find").value.toLowerCase();
  return latest.queues
    .filter((queue) => queue.name.toLowerCase().includes(part))
    .sort((a, b) => order(b) - order(a) || (a.name < b.name ? -1 : 1));
}

function showSums() {
  const queues = latest.queues;
  const sum = (field) => queues.reduce((total, queue) => total + (queue[field] || 0), 0);
  const sums = [
    ["queues", count(queues.length)],
    ["messages", count(sum("messages"))],
    ["in", count(sum("in")) + " /s"],
    ["out", count(sum("out")) + " /s"],
    ["memory", memory(sum("memory"))],
  ];
  if (latest.shm) sums.push(["/dev/shm", memory(latest.shm.free) + " free of " + memory(latest.shm.size)]);
  showPairs(at("sums"), sums);
}

function showPairs(list, pairs) {
  while (list.children.length > pairs.length) list.lastChild.remove();
  pairs.forEach(([name, text], i) => {
    let pair = list.children[i];
    if (pair === undefined) {
      pair = list.appendChild(element("div"));
      pair.append(element("dt"), element("dd"));
    }
    put(pair.firstChild, name);
    put(pair.lastChild, text);
  });
}

function showAll() {
  const body = at("queues").tBodies[0];
  const queues = wanted();
  const gone = new Set(rows.keys());
  put(at("host"), latest.host);
  put(at("version"), latest.version);
  document.title = "shmq " + latest.host;
  showSums();
  at("queues").hidden = queues.length === 0;
  at("none").hidden = queues.length > 0;
  put(at("none"), latest.queues.length === 0 ? "There is no queue on this host yet." : "No queue has such a name.");
  queues.forEach((queue, i) => {
    if (!rows.has(queue.name)) rows.set(queue.name, newRow(queue.name));
    const row = rows.get(queue.name);
    gone.delete(queue.name);
    fillRow(row, queue);
    if (body.children[i] !== row.node) body.insertBefore(row.node, body.children[i] || null);
  });
  for (const name of gone) {
    rows.get(name).node.remove();
    rows.delete(name);
  }
  for (const queue of queues) {
    const row = rows.get(queue.name);
    if (isVisible(row.node)) drawSmall(row.canvas, queue);
  }
}

// ------------------------------------------------------------------ one queue

function bridgeText(bridge) {
  if (!bridge) return "";
  return bridge.connected ? ", connected" : ", not connected";
}

// Each line is an array of cells: text, or a pair of a text and the level of a state.
function showTable(table, lines) {
  const body = table.tBodies[0];
  if (table.tHead) {
    table.caption.dataset.none = lines.length === 0 ? ": none" : "";
    table.tHead.hidden = lines.length === 0;
  }
  const numeric = Array.from(table.tHead ? table.tHead.rows[0].cells : [], (cell) => cell.className);
  while (body.rows.length > lines.length) body.lastChild.remove();
  lines.forEach((cells, i) => {
    const row = body.rows[i] || body.insertRow();
    cells.forEach((cell, j) => {
      const node = row.cells[j] || row.insertCell();
      if (numeric[j]) node.className = numeric[j];
      if (!Array.isArray(cell)) {
        put(node, cell);
        return;
      }
      const state = node.firstChild || node.appendChild(element("span", "state"));
      put(state, cell[0]);
      mark(state, "level", cell[1]);
    });
  });
}

function holding(seat) {
  if (seat.leased === 0) return "–";
  return count(seat.leased) + (seat.leased_ms === null ? "" : ", " + age(seat.leased_ms));
}

function showFacts(queue) {
  const pairs = [
    ["messages", count(queue.messages)],
    ["taken", count(queue.leased)],
    ["oldest", age(queue.oldest_ms)],
    ["payload", memory(queue.bytes)],
    ["put", count(queue.put)],
    ["done", count(queue.acknowledged)],
    ["lane", memory(queue.capacity)],
    ["fullest lane", memory(queue.high_water)],
    ["memory", memory(queue.memory)],
  ];
  const latency = queue.latency;
  if (latency) pairs.push(["time in queue", "50 % " + timeInQueue(latency.p50) + ", 99 % " + timeInQueue(latency.p99) + ", longest " + timeInQueue(latency.max)]);
  for (const [name, field] of [["failed attempts", "failed"], ["delivered again", "redelivered"], ["dead letters", "dead_letters"], ["put aside", "aside"], ["dropped", "dropped"], ["refused", "refused"], ["too long", "too_long"], ["died", "deaths"]]) {
    if (queue[field] > 0) pairs.push([name, count(queue[field])]);
  }
  showPairs(at("facts"), pairs);
}

function showOne() {
  at("one").hidden = chosen === "";
  if (chosen === "") return;
  put(at("one-title"), chosen);
  if (detail === null || detail.queue.name !== chosen) {
    put(at("one-why"), "");
    return;
  }
  const queue = detail.queue;
  const readable = queue.messages !== undefined;
  put(at("one-state"), queue.state);
  mark(at("one-state"), "level", levelOfQueue(queue));
  put(at("one-why"), queue.why);
  for (const part of at("one").querySelectorAll(".figures, .parties, #facts")) part.hidden = !readable;
  at("events").hidden = !queue.events || queue.events.length === 0;
  if (!readable) return;
  put(at("fill-now"), queue.fill + " %");
  put(at("in-now"), count(queue.in));
  put(at("out-now"), count(queue.out));
  at("fill-graph").setAttribute("aria-label", "full: now " + queue.fill + " percent");
  at("rate-graph").setAttribute("aria-label", "now " + count(queue.in) + " messages a second in, " + count(queue.out) + " out");
  drawLarge(at("fill-graph"), [[queue.fills, "fill", true]], 100, " %");
  drawLarge(at("rate-graph"), [[queue.ins, "in", true], [queue.outs, "out", false]], roundUp(highest(queue.ins, queue.outs)), "");
  showFacts(queue);
  showTable(at("lanes"), queue.lanes.map((lane) => [String(lane.number), lane.program, String(lane.pid || "–"),
    [lane.state + (lane.blocked_ms ? " " + age(lane.blocked_ms) : "") + bridgeText(lane.bridge), levelOfParty(lane)],
    count(lane.rate), count(lane.messages), count(lane.total)]));
  showTable(at("seats"), queue.seats.map((seat) => [String(seat.number), seat.program, String(seat.pid || "–"),
    [seat.state + bridgeText(seat.bridge), levelOfParty(seat)], count(seat.rate), holding(seat), count(seat.total)]));
  if (queue.events) {
    showTable(at("events"), queue.events.map((event) => [event.time_ms ? clock(event.time_ms) : "", event.text]));
  }
}

// ------------------------------------------------------------------ once a second

async function get(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) throw new Error(answer.status === 404 ? "gone" : "status " + answer.status);
  return answer.json();
}

async function lookAtOne() {
  const name = chosen;
  if (name === "") return;
  try {
    const got = await get("queue.json?name=" + encodeURIComponent(name));
    if (name === chosen) detail = got;
  } catch (error) {
    if (error.message !== "gone") throw error;
    if (name === chosen) detail = { queue: { name, word: "removed", state: "gone", why: "There is no such queue any more." } };
  }
}

async function look() {
  try {
    const [all] = await Promise.all([get("state.json"), lookAtOne()]);
    latest = all;
    put(at("live"), "live, " + clock(latest.time_ms));
    mark(at("live"), "live", "yes");
    showAll();
    showOne();
    document.body.dataset.redraws = ++redraws;
  } catch (error) {
    put(at("live"), "no answer, trying again" + (latest ? " (shown: " + clock(latest.time_ms) + ")" : ""));
    mark(at("live"), "live", "no");
  }
}

async function run() {
  for (;;) {
    const begun = Date.now();
    await look();
    await new Promise((resume) => setTimeout(resume, Math.max(100, PERIOD_MS - (Date.now() - begun))));
  }
}

function choose() {
  let name = "";
  try {
    name = decodeURIComponent(location.hash.slice(1));
  } catch (error) {
    name = "";
  }
  const before = chosen;
  chosen = name;
  if (latest !== null) showAll();
  showOne();
  if (chosen !== "" && chosen !== before) {
    at("one").focus({ preventScroll: true });
    at("one").scrollIntoView({ block: "nearest" });
    lookAtOne().then(showOne, () => {});
  }
}

window.addEventListener("hashchange", choose);
window.addEventListener("resize", () => latest !== null && (showAll(), showOne()));
at("find").addEventListener("input", () => latest !== null && showAll());
at("sort").addEventListener("change", () => latest !== null && showAll());
at("close").addEventListener("click", (event) => {
  event.preventDefault();
  history.replaceState(null, "", location.pathname);
  choose();
  at("find").focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && chosen !== "") at("close").click();
  if (event.key === "/" && document.activeElement !== at("find")) {
    event.preventDefault();
    at("find").focus();
  }
});
choose();
run();
