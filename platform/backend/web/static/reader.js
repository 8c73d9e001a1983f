// The page stays true to the feed: it follows /api/feed/live and keeps every card as it is there.
//
// Items come as JSON and become cards by the same templates as on the server. What arrives while an
// older page is being fetched waits until that page is in place, so that an old state never
// overwrites a newer one.

const feed = document.getElementById("items");
const news = document.getElementById("news");
const spoken = document.getElementById("spoken");
const empty = document.getElementById("empty");
const status = document.getElementById("status");

const SILENCE = 40_000; // the server says something every 15 s
const RESTS_AFTER = 60_000; // a hidden page lets go of its connection
const PATIENCE = [500, 15_000]; // between attempts, from … to, in milliseconds

// ── cards ────────────────────────────────────────────────────────────────────────────────────────

const trusted = globalThis.trustedTypes?.createPolicy("cards", { createHTML: (html) => html });

function element(item) {
  const template = document.createElement("template");
  const html = card(item);
  template.innerHTML = trusted ? trusted.createHTML(html) : html;
  const made = template.content.firstElementChild;
  dress(made);
  return made;
}

const keyOf = (item) => `${item.type}-${item.id}`;
const find = (key) => document.getElementById(key);
const cards = () => feed.children;
const sorted = (one) => Date.parse(one.dataset.sort);

/** Says that there is nothing, when there is nothing. */
function furnish() {
  empty.hidden = cards().length > 0;
  feed.hidden = !empty.hidden;
}

/** The card that stands directly below an item of this time; null at the end. */
function below(time, exact) {
  for (const one of cards()) {
    const other = sorted(one);
    if (other < time || (other === time && one.dataset.sort <= exact)) return one;
  }
  return null;
}

function dress(root) {
  for (const time of root.querySelectorAll("time")) age(time);
  for (const picture of root.querySelectorAll("img")) {
    if (picture.complete && picture.naturalWidth === 0 && picture.src) missing(picture);
  }
}

function missing(picture) {
  steady(() => (picture.closest(".cover") ?? picture).remove());
}

document.addEventListener("error", (event) => event.target instanceof HTMLImageElement && missing(event.target), true);

/** Changes the page, but not what the reader looks at: the first card in the window, unless it is
 * the one that moves, stays where it is. */
function steady(change, moving) {
  const first = (one) => one.id && one !== moving && one.getBoundingClientRect().bottom > 0;
  const seen = away() && [...cards()].find(first);
  const before = seen && seen.getBoundingClientRect().top;
  change();
  const now = seen && find(seen.id);
  if (now) window.scrollBy({ top: now.getBoundingClientRect().top - before, behavior: "instant" });
}

/** Puts a card in the place of its former state; what the reader unfolded or focused stays so. */
function supersede(old, made, put) {
  const folds = [...(old?.querySelectorAll("details") ?? [])];
  made.querySelectorAll("details").forEach((one, at) => (one.open = folds[at]?.open ?? false));
  const stops = (root) => [root, ...root.querySelectorAll("a, summary")];
  const focused = old ? stops(old).indexOf(document.activeElement) : -1;
  steady(put, old);
  stops(made)[focused]?.focus({ preventScroll: true });
}

// ── relative times ───────────────────────────────────────────────────────────────────────────────

const UNITS = [["year", 31_557_600], ["month", 2_629_800], ["day", 86_400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" });

function age(time) {
  const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? [];
  time.textContent = unit ? relative.format(-Math.floor(seconds / length), unit) : "just now";
}

setInterval(() => document.hidden || document.querySelectorAll("time").forEach(age), 30_000);

// ── changes of the feed ──────────────────────────────────────────────────────────────────────────

const away = () => window.scrollY > 240;
const fresh = new Set(); // keys of cards that came in above what the reader sees
let waiting = null; // messages that arrive while a page is fetched

function apply({ event, data }) {
  if (waiting) return void waiting.push({ event, data });
  if (event === "remove") return remove(`${data.type}-${data.id}`);
  const { item } = data;
  if (feed.dataset.only && feed.dataset.only !== keyOf(item)) return;
  event === "item" && !data.import ? arrive(item) : settle(item);
}

/** Something happened now: its card comes in at the top, or where its time belongs. */
function arrive(item) {
  if ("later" in feed.dataset && Date.parse(item.sort_date) >= ceiling) return remove(keyOf(item)); // on a newer page
  const known = find(keyOf(item));
  const made = place(item);
  if (!made) return;
  made.classList.add("arriving");
  if (away() && made.getBoundingClientRect().bottom <= 0) {
    fresh.add(made.id);
    tell();
    spoken.textContent = news.textContent;
  } else if (!known) {
    spoken.textContent = `New: ${made.querySelector("h2").textContent}`;
  }
}

/** An item as it is now, without news: its card changes in place, or comes in where it belongs. */
function settle(item) {
  const old = find(keyOf(item));
  if (old?.dataset.sort !== item.sort_date) return void place(item);
  const made = element(item);
  supersede(old, made, () => old.replaceWith(made));
  made.classList.add("changed");
}

/** Puts the card where its time belongs; nowhere when that is on a page that is not here. */
function place(item) {
  const old = find(keyOf(item));
  const time = Date.parse(item.sort_date);
  const newer = !old && "later" in feed.dataset && time >= ceiling;
  if (newer) return;
  if (time < horizon()) return void steady(() => old?.remove(), old);
  const made = element(item);
  supersede(old, made, () => {
    old?.remove();
    feed.insertBefore(made, below(time, item.sort_date));
  });
  furnish();
  return made;
}

function remove(key) {
  const gone = find(key);
  if (!gone) return;
  fresh.delete(key);
  tell();
  const end = () => {
    gone.remove();
    furnish();
    look();
  };
  if (calm() || gone.getBoundingClientRect().bottom <= 0) return steady(end, gone);
  gone.id = ""; // another one with this name may come meanwhile
  gone.style.maxHeight = `${gone.offsetHeight}px`;
  gone.classList.add("leaving");
  gone.inert = true;
  setTimeout(end, 300);
}

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function tell() {
  news.hidden = fresh.size === 0;
  news.textContent = `${fresh.size} new`;
}

news.addEventListener("click", () => {
  fresh.clear();
  tell();
  window.scrollTo({ top: 0, behavior: calm() ? "auto" : "smooth" });
  cards()[0]?.focus({ preventScroll: true });
});

addEventListener("scroll", () => {
  if (fresh.size && !away()) {
    fresh.clear();
    tell();
  }
}, { passive: true });

// ── older pages ──────────────────────────────────────────────────────────────────────────────────

const ceiling = Date.parse(new URL(location).searchParams.get("cursor")?.split(/[~|]/)[0]);
const more = () => document.getElementById("more");
const cursor = () => new URL(more().href).searchParams.get("cursor");
let fetching = false;
let generation = 0; // grows when the whole page is replaced

/** The time from which on everything is here: where the next page begins. */
const horizon = () => (more() ? Date.parse(cursor().split("~")[0]) : -Infinity);

async function older() {
  const link = more();
  if (!link || fetching) return;
  fetching = true;
  feed.setAttribute("aria-busy", "true");
  link.textContent = "Loading …";
  waiting = [];
  const before = generation;
  try {
    const query = new URLSearchParams(feed.dataset.filter);
    query.set("cursor", cursor());
    const response = await fetch(`/api/feed?${query}`);
    if (!response.ok) throw new Error(response.status);
    const page = await response.json();
    if (before !== generation) throw new Error("the page was replaced meanwhile");
    for (const item of page.items) find(keyOf(item)) || feed.append(element(item));
    furnish();
    turn(link, page.next_cursor);
  } catch {
    link.textContent = "That did not work. Try again";
  }
  feed.removeAttribute("aria-busy");
  const missed = waiting;
  waiting = null;
  missed.forEach(apply);
  fetching = false;
  if (before !== generation || link.textContent === "Older") look();
}

function turn(link, cursor) {
  if (!cursor) {
    const end = document.createElement("span");
    end.className = "end";
    end.textContent = "This is where it begins.";
    return link.replaceWith(end);
  }
  const address = new URL(link.href);
  address.searchParams.set("cursor", cursor);
  link.href = address;
  link.textContent = "Older";
}

const foot = document.querySelector("nav.more");
const observer = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && older(), {
  rootMargin: "800px",
});

/** Has the observer look whether the end is near. By itself it tells of changes only: who scrolls to the
 * new end at once is there all the time. */
function look() {
  if (!foot) return;
  observer.unobserve(foot);
  observer.observe(foot);
}

if (foot) {
  look();
  foot.addEventListener("click", (event) => {
    if (event.target !== more() || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    older();
  });
}

// ── the live feed ────────────────────────────────────────────────────────────────────────────────

let last = feed.dataset.liveFrom; // there is none where the server has no live feed
let connection = null; // an AbortController while there is one
let attempt = 0;
let retry = 0;
let silence = 0;

function say(state, text) {
  status.hidden = false;
  status.className = `status ${state}`;
  document.getElementById("status-text").textContent = text;
}

async function follow() {
  if (!last || connection || resting) return;
  const mine = (connection = new AbortController());
  clearTimeout(retry);
  let wait = null;
  try {
    const query = new URLSearchParams(feed.dataset.filter);
    query.set("after", last);
    listen(mine);
    const response = await fetch(`/api/feed/live?${query}`, { signal: mine.signal });
    if (!response.ok) throw new Error(response.status);
    wait = await read(response.body, mine);
  } catch {
    // The network, the server, or a silence: all the same to the reader.
  }
  if (connection !== mine) return;
  clearTimeout(silence);
  connection = null;
  if (resting) return;
  attempt += 1;
  if (attempt > 1 || !wait) say("off", navigator.onLine ? "reconnecting" : "offline");
  const pause = wait ?? Math.min(PATIENCE[0] * 2 ** attempt, PATIENCE[1]) * (0.5 + Math.random() / 2);
  retry = setTimeout(follow, pause);
}

/** A connection that says nothing for too long is taken for dead. */
function listen(mine) {
  clearTimeout(silence);
  silence = setTimeout(() => mine.abort(), SILENCE);
}

/** Reads to the end of the stream; returns how long to wait before the next, if the server said. */
async function read(body, mine) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let wait = null;
  for (;;) {
    const { done, value } = await reader.read();
    if (done || mine.signal.aborted) return wait;
    listen(mine);
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) wait = (await hear(parse(block))) ?? wait;
  }
}

function parse(block) {
  const fields = { event: "" };
  for (const line of block.split("\n")) {
    const at = line.indexOf(": ");
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 2);
  }
  return { ...fields, data: fields.data && JSON.parse(fields.data) };
}

async function hear({ event, id, data }) {
  if (event === "bye") return data.retry;
  if (event === "slow") return 0;
  if (event === "gone") await reload(); // or else it fails here, and we come from `last` again
  if (event === "hello") {
    attempt = 0;
    say("on", "live");
    look(); // what failed while there was no network
  }
  if (id && event !== "hello") last = id;
  if (event === "item" || event === "patch" || event === "remove") apply({ event, data });
}

/** The position is no longer kept: the page is fetched anew, and takes the place of this one. */
async function reload() {
  const response = await fetch(location.href, { cache: "no-store" });
  if (response.status === 404 && feed.dataset.only) return remove(feed.dataset.only);
  if (!response.ok) throw new Error(response.status);
  const text = await response.text();
  const html = trusted ? trusted.createHTML(text) : text;
  const page = new DOMParser().parseFromString(html, "text/html");
  generation += 1;
  waiting &&= []; // they are older than the page
  feed.replaceChildren(...page.getElementById("items").children);
  dress(feed);
  furnish();
  foot?.replaceChildren(...(page.querySelector("nav.more")?.children ?? []));
  fresh.clear();
  tell();
  look();
}

let resting = false;
let rest = 0;

function wake() {
  clearTimeout(rest);
  resting = false;
  attempt = 0;
  if (document.hidden) retire();
  if (!connection) follow();
}

function stop() {
  connection?.abort();
  connection = null;
  clearTimeout(retry);
  clearTimeout(silence);
}

/** What nobody looks at lets go of its connection after a while, whatever the network does. */
function retire() {
  clearTimeout(rest);
  rest = setTimeout(() => {
    resting = true;
    stop();
  }, RESTS_AFTER);
}

document.addEventListener("visibilitychange", () => (document.hidden ? retire() : wake()));
if (document.hidden) retire();

addEventListener("offline", () => {
  if (!last) return;
  stop();
  say("off", "offline");
  retry = setTimeout(follow, 1000); // a server on this machine is still there
});
addEventListener("online", () => resting || wake());
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => event.persisted && wake());

// A timer that comes much too late means that the machine slept: the connection may be dead.
let tick = Date.now();
setInterval(() => {
  const slept = Date.now() - tick > 30_000;
  tick = Date.now();
  if (slept && !resting) {
    stop();
    wake();
  }
}, 10_000);

// ── keys ─────────────────────────────────────────────────────────────────────────────────────────

addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLElement && event.target.closest("input, select, textarea");
  if (typing || event.metaKey || event.ctrlKey || event.altKey) return;
  const step = { j: 1, k: -1 }[event.key];
  if (!step) return;
  const all = [...cards()];
  const at = all.indexOf(document.activeElement?.closest(".card"));
  const next = all[at < 0 ? 0 : at + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
});

const chosen = document.querySelector(".chip[aria-current]");
if (chosen) chosen.closest("ul").scrollLeft = chosen.offsetLeft - 32; // in a narrow window

dress(document);
follow();
