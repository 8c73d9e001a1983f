// The filters of the templates; web/words.py says the same in Python.

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const HUES = 12;
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" };
const WEB = /^[Hh][Tt][Tt][Pp][Ss]?:\/\/[^\0-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]+$/;
const who = (action) => action.dweller?.id ?? null;

const filters = {
  escape: (value) => String(value).replace(/[&<>"']/g, (sign) => ENTITIES[sign]),
  web: (address) => (address && WEB.test(address) ? address : ""),
  count: (number, one, many) => `${number.toLocaleString("en-US")} ${number === 1 ? one : many}`,
  words: (name) => name.replaceAll("_", " "),
  moment: (time) => {
    const at = new Date(time);
    const [hour, minute] = [at.getUTCHours(), at.getUTCMinutes()].map((n) => `${n}`.padStart(2, "0"));
    return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}, ${hour}:${minute} UTC`;
  },
  initial: (name) => {
    const letter = [...name].find((one) => /[\p{L}\p{N}]/u.test(one)) ?? "·";
    return [...letter.toUpperCase()][0];
  },
  hue: (name) => `hue-${[...name].reduce((sum, one) => sum + one.codePointAt(0), 0) % HUES}`,
  span: (items, start, end) => items.slice(start, end || items.length),
  answers: (action, actions) => {
    const at = actions.findIndex((one) => one.id === action.id);
    if (at === 0 || action.in_reply_to === actions[at - 1].id) return "";
    return actions.find((one) => one.id === action.in_reply_to)?.dweller?.name ?? "";
  },
  speaker: (action) => action.dweller?.name ?? "?",
  first_speaker: (actions) => actions[0].dweller,
  second_speaker: (actions) => actions.find((one) => who(one) !== who(actions[0]))?.dweller,
  other_speakers: (actions) => new Set(actions.map(who)).size - 1,
  length: (items) => items.length,
};
