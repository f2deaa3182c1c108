(() => {
"use strict";
// What comes from data is written as text, never as markup.
const $ = id => document.getElementById(id), root = document.documentElement;
const D = JSON.parse($("data").textContent), framed = window.parent !== window, still = matchMedia("(prefers-reduced-motion: reduce)").matches;
const {abs, max, min, exp, round, floor} = Math, boxOf = node => node.getBoundingClientRect();
const WEIGHTS = ["W1", "b1", "W2", "b2"];
const clamp = (v, top) => max(0, min(top, v)), range = n => [...Array(n).keys()], wide = () => document.body.clientWidth, mode = name => root.classList.contains(name), soft = D.output === "softmax";

// Name, rows, columns, place in the grid; equation; what entry [r, c] is computed from.
const SPEC = {}, READS = {};
for (const line of `X m n 4 1
W1 k m 2 2
b1 k 1 3 2
Z1 k n 4 2;= W1 X + b1;W1 r *,X * c,b1 r 0
A1 k n 4 3;= σ(Z1);Z1 r c
W2 K k 2 4
b2 K 1 3 4
Z2 K n 4 4;= W2 A1 + b2;W2 r *,A1 * c,b2 r 0
A2 K n 4 5;= σ(Z2);Z2 r c
Y K n 4 6
G K n 4 7
P K n 4 8;= σ(κ ∗ Z2);G r c,Z2 r c
dZ2 K n 9 4;= A2 − Y;A2 r c,Y r c
dW2 K k 7 4;= (1/n) dZ2 A1ᵀ;dZ2 r *,A1 c *
db2 K 1 8 4;= (1/n) Σ dZ2;dZ2 r *
dA1 k n 9 3;;W2 * r,dZ2 * c
S1 k n 9 1;= A1 ∗ (1 − A1);A1 r c
dZ1 k n 9 2;= (W2ᵀ dZ2) ∗ σ′(Z1);dA1 r c,S1 r c
dW1 k m 7 2;= (1/n) dZ1 Xᵀ;dZ1 r *,X c *
db1 k 1 8 2;= (1/n) Σ dZ1;dZ1 r *`.split("\n")) {
	let [place, equation = "", reads] = line.split(";");
	if (soft) { equation = equation.replace(/σ\((.*Z2)/, "softmax($1"); reads = reads?.replace("Z2 r c", "Z2 * c"); }
	const [name, a, b, column, row] = place.split(" ");
	SPEC[name] = {a, b, column: +column, row: +row, equation};
	if (reads) READS[name] = reads.split(",").map(one => one.split(" "));
}
const SYMBOL = {dA1: "W2ᵀ dZ2", S1: "σ′(Z1)", G: "κ"}, symbol = name => SYMBOL[name] ?? name;
const ORDER = ["Z1", "A1", "Z2", "A2", "dZ2", "dW2", "db2", "dA1", "S1", "dZ1", "dW1", "db1"], DONE = 12;
// The letters of each product, (a, b)(b, c).
const PRODUCT = {Z1: "kmn", Z2: "Kkn", dW2: "Knk", dA1: "kKn", dW1: "knm"};
const NAMES = Object.keys(SPEC).filter(name => D.moderation || name !== "G" && name !== "P");
const STRIP = D.moderation ? 8 : 6;

// ---- Arithmetic: sk_twolayer.network, samples in columns.
const map = (A, f) => A.map((row, i) => row.map((v, j) => f(v, i, j)));
const turn = A => A[0].map((_, j) => A.map(row => row[j]));
const total = list => list.reduce((a, b) => a + b, 0);
const times = (A, B) => { const C = turn(B); return A.map(a => C.map(b => a.reduce((s, v, l) => s + v * b[l], 0))); };
const sigmoid = z => z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
const activate = Z => soft ? turn(turn(Z).map(z => {
	const top = max(...z), e = z.map(v => exp(v - top)), s = total(e);
	return e.map(v => v / s);
})) : map(Z, sigmoid);
// log(1 + exp(t)), which neither overflows nor cancels.
const log1 = t => max(t, 0) + Math.log1p(exp(-abs(t)));
const costOf = (Z2, j) => {
	const z = Z2.map(row => row[j]), y = Y.map(row => row[j]), top = max(...z);
	const log = soft && top + Math.log(total(z.map(v => exp(v - top))));
	return total(z.map((v, o) => soft ? y[o] * (log - v) : y[o] * log1(-v) + (1 - y[o]) * log1(v)));
};
const meanCost = Z2 => total(Y[0].map((_, j) => costOf(Z2, j))) / Y[0].length;
const forward = (p, X) => {
	const Z1 = map(times(p.W1, X), (v, i) => v + p.b1[i][0]), A1 = map(Z1, sigmoid);
	const Z2 = map(times(p.W2, A1), (v, i) => v + p.b2[i][0]);
	return {Z1, A1, Z2, A2: activate(Z2)};
};
const pass = (p, wrong) => {
	if (D.given) return {...D.given, ...p, X, Y};
	const n = wrong === "n" ? 1 : X[0].length, f = forward(p, X), over = A => map(A, v => v / n);
	const dZ2 = map(f.A2, (v, i, j) => wrong === "r" ? Y[i][j] - v : v - Y[i][j]);
	const dA1 = times(turn(p.W2), dZ2), S1 = map(f.Z1, v => sigmoid(v) * sigmoid(-v));
	const dZ1 = map(dA1, (v, i, j) => v * S1[i][j]), sums = A => A.map(row => [total(row)]);
	return {X, Y, ...p, ...f, dZ2, dA1, S1, dZ1, cost: meanCost(f.Z2), db2: over(sums(dZ2)),
		db1: over(sums(dZ1)), dW2: over(times(dZ2, turn(f.A1))), dW1: over(times(dZ1, turn(X)))};
};
const each = f => Object.fromEntries(WEIGHTS.map((w, i) => [w, f(w, i)]));
const descend = p => { const v = pass(p); return each(w => map(p[w], (x, i, j) => x - eta * v["d" + w][i][j])); };
// inspection.gradient_check, and the last line that it prints.
const check = (p, v) => {
	const STEP = Math.cbrt(2 ** -52), cost = q => meanCost(forward(q, X).Z2);
	const found = each(w => map(p[w], (x, i, j) => {
		const h = STEP * max(1, abs(x)), at = s => cost({...p, [w]: map(p[w], (u, a, b) => a === i && b === j ? u + s * h : u)});
		return (at(1) - at(-1)) / (2 * h);
	}));
	const largest = max(...Object.values(found).flat(2).map(abs));
	const floor = max(1e-3 * largest, 100 * STEP ** 2 * max(1, cost(p)) / 1e-5);
	let worst = [-1];
	for (const w of WEIGHTS) map(v["d" + w], (g, i, j) => {
		const d = found[w][i][j], e = abs(g - d) / max(abs(g), abs(d), floor);
		if (e > worst[0]) worst = [e, w, i, j, g, d];
	});
	const [e, w, i, j, g, d] = worst, text = e.toExponential(2).replace(/([+-])(\d)$/, "$10$2");
	const where = w[1] === "1" ? `neuron ${i}` + (w === "W1" ? `, feature ${D.features[j] ?? "x" + j}` : "")
		: D.outputs[i] + (w === "W2" ? `, neuron ${j}` : "");
	return `${e <= 1e-5 ? "passed" : "FAILED"}: the worst entry is d${w}[${i}, ${j}] (${where}): gradient ` +
		`${+g.toPrecision(6)}, finite difference ${+d.toPrecision(6)}, error ${text} (tol 1e-05)`;
};

// ---- The moment, which the address holds, so that one can link to it.
const LIMIT = {m: 6, n: 9, k: 6, K: 6}, TINY = {m: 30, n: 60, k: 30, K: 10};
let X, Y, F, recorded, costs, edited, wanted, eta, at, step, asking, answer, wrong, turned, tiny, select, language;
let V, playing = null, shown = {}, cells = {}, scale;
const size = () => ({m: X.length, n: X[0].length, k: F[0].W1.length, K: Y.length, 1: 1});
const small = () => { const s = size(); return !D.given && s.m * s.n * s.k <= 5000; };
// Whether another solver than descent made the steps.
const other = () => recorded && D.rate === null;
const last = () => recorded ? F.length - 1 : small() ? 200 : 0;
const iteration = i => recorded && D.iterations?.[i] || i;
const ensure = i => { while (F.length <= i) F.push(descend(F.at(-1))); };
const restart = p => { F = [p]; recorded = false; costs = []; };
const START = {l: D.language, i: 0, eta: D.rate ?? 1, s: -1, q: 0, b: "", t: 0, c: 0};
function remember() {
	if (framed) return;
	const s = new URLSearchParams(), now = {l: language, i: at, eta, s: step, q: +asking, b: wrong, t: +turned, c: +tiny};
	for (const key in START) if (now[key] !== START[key]) s.set(key, now[key]);
	if (select) s.set("at", select.join("."));
	if (edited) s.set("p", JSON.stringify([X, Y, ...WEIGHTS.map(w => F[0][w])]));
	history.replaceState(null, "", "#" + s);
}
function recall() {
	const s = new URLSearchParams(location.hash.slice(1) || D.moment), one = key => s.get(key) ?? "";
	const load = (x, y, f) => { [X, Y] = [x, y]; F = f.map(q => each((_, i) => q[i])); };
	const original = () => { load(D.X, D.Y, D.frames); recorded = F.length > 1; edited = false; };
	costs = []; wanted = {}; answer = select = null;
	original();
	if (s.has("p") && !D.given) try {
		const [x, y, ...p] = JSON.parse(one("p")).map(A => map(A, Number));
		load(x, y, [p]);
		if (!isFinite(pass(F[0]).cost)) throw new Error("shapes");
		restart(F[0]); edited = true;
	} catch { original(); }
	language = /^(en|zh)$/.test(one("l")) ? one("l") : D.language;
	eta = D.rate ?? 1;
	const rate = +one("eta"), to = +one("s");
	if (rate > 0 && small() && rate !== eta) { eta = rate; restart(F[0]); }
	at = clamp(floor(+one("i")) || 0, last());
	step = s.has("s") && small() ? clamp(to || 0, DONE + 1) : -1;
	[asking, turned, tiny] = ["q", "t", "c"].map(key => s.has(key));
	root.classList.toggle("plain", s.has("h"));
	wrong = small() && /^[tknr]$/.test(one("b")) ? one("b") : "";
	const [name, r, c] = one("at").split("."), sizes = size();
	if (NAMES.includes(name) && +r < sizes[SPEC[name].a] && +c < sizes[SPEC[name].b]) select = [name, +r, +c];
	else if (/^[mnkK]$/.test(name) && +r < sizes[name]) select = [name, +r];
}

// ---- Words and numbers.
const zh = () => language === "zh";
const t = (key, ...values) => values.reduce((text, v, i) => text.replaceAll(`{${i}}`, v), D.strings[key][+zh()]);
const letter = a => a === "K" && size().K === 1 ? "1" : a;
const shape = (a, b) => `(${letter(a)}, ${letter(b)})`;
const number = (axis, i) => axis === "1" ? 1 : (D.index?.[axis]?.[i] ?? i) + 1;
const given = (axis, i) => {
	const name = {m: D.features, n: D.samples, K: D.outputs}[axis]?.[i];
	return name === undefined || /^(x|output )\d+$/.test(name) || axis === "n" && /^\d+$/.test(name) ? null : name;
};
const named = (axis, i) => { const plain = t("one_" + axis, number(axis, i)), name = given(axis, i); return name === null ? plain : t("named", plain, name); };
const minus = v => String(v).replace("-", "−");
const full = v => minus(+v.toPrecision(6));
const factor = v => v < 0 ? `(${full(v)})` : full(v);
const python = v => v < 0 ? `(${v})` : String(v);
const list = A => `[${A.join(", ")}]`;
function brief(v) {
	const a = abs(v), exact = String(a), tight = mode("tight");
	const text = exact.length < 5 || !isFinite(v) ? exact : a >= 99999.5 ? a.toExponential(0).replace("+", "")
		: a < 1e-9 ? "≈0" : a < 0.00095 ? a.toExponential(0) : a.toFixed(a < 0.0995 ? 3 : a < 9.995 ? 2 : a < 99.95 ? 1 : 0);
	return (v < -1e-9 ? tight ? "-" : "−" : "") + (tight ? text.replace(/^0\./, ".") : text);
}
const entry = (name, r, c) => `${symbol(name)}[${number(SPEC[name].a, r)}, ${number(SPEC[name].b, c)}]`;
const line = ([name, r, c]) => r === null ? t("column", symbol(name), number(SPEC[name].b, c))
	: c === null ? t("row", symbol(name), number(SPEC[name].a, r)) : entry(name, r, c);
// What an entry reads, and what reads it: [name, row, column], where null is all of them.
const reads = (name, r, c) => (READS[name] ?? []).map(([from, ...ends]) => [from, ...ends.map(e => ({r, c, 0: 0, "*": null})[e])]);
function reaches(name, r, c) {
	const sizes = size(), found = [];
	for (const target of NAMES) if (READS[target]?.some(x => x[0] === name)) {
		const rows = range(sizes[SPEC[target].a]), columns = range(sizes[SPEC[target].b]);
		const hit = (i, j) => reads(target, i, j).some(([n, p, q]) => n === name && (p ?? r) === r && (q ?? c) === c);
		const is = rows.filter(i => columns.some(j => hit(i, j))), js = columns.filter(j => rows.some(i => hit(i, j)));
		if (is.length) found.push([target, is.length > 1 ? null : is[0], js.length > 1 ? null : js[0]]);
	}
	return found;
}
const vector = ([name, r, c]) => r === null ? V[name].map(row => row[c]) : c === null ? V[name][r] : [V[name][r][c]];
// An entry's sum: in numbers, and as NumPy.
function sum(name, r, c) {
	if (!READS[name] || D.given) return null;
	const [a, b, bias] = reads(name, r, c).map(vector), axis = PRODUCT[name]?.[1] ?? "n";
	const x = a[0], y = b?.[0], over = "dW1 dW2 db1 db2".includes(name) && wrong !== "n";
	if (PRODUCT[name] || name.startsWith("db")) {
		const seen = shown[axis], parts = a.map((v, l) => b ? `${factor(v)}×${factor(b[l])}` : factor(v));
		const rest = a.length - seen.length, hidden = a.map((v, l) => seen.includes(l) ? 0 : v * (b ? b[l] : 1));
		let text = seen.map(l => parts[l]).join(" + ") + (rest ? " + " + t("rest", rest, full(total(hidden))) : "");
		let code = b ? `np.dot(${list(a)}, ${list(b)})` : `np.sum(${list(a)})`;
		if (over) { text = `(${text}) / ${a.length}`; code += ` / ${a.length}`; }
		return bias ? [`${text} + ${factor(bias[0])}`, `${code} + ${python(bias[0])}`] : [text, code];
	}
	if (name === "A1" || name === "A2" || name === "P") {
		const z = name === "P" ? V.Z2.map((row, o) => V.G[o][c] * row[c]) : a, own = name === "P" || soft && name === "A2" ? z[r] : x;
		const lead = name === "P" ? `κ ∗ Z2 = ${list(z.map(full))}; ` : "";
		return soft && name !== "A1" ? [`${lead}e^${factor(own)} / (${z.map(v => `e^${factor(v)}`).join(" + ")})`, `np.exp(${python(own)}) / np.sum(np.exp(${list(z)}))`]
			: [`1 / (1 + e^(−${factor(own)}))`, `1 / (1 + np.exp(-${python(own)}))`];
	}
	if (name === "S1") return [`${full(x)} × (1 − ${full(x)})`, `${x} * (1 - ${x})`];
	const [p, sign, q] = name === "dZ1" ? [x, "×", y] : wrong === "r" ? [y, "−", x] : [x, "−", y];
	return [`${factor(p)} ${sign} ${factor(q)}`, `${python(p)} ${sign === "×" ? "*" : "-"} ${python(q)}`];
}

// ---- Building the page.
function el(what, ...children) {
	const [tag, className = "", id = ""] = what.split(/[.#]/), node = Object.assign(document.createElement(tag), {className, id});
	const properties = children[0]?.constructor === Object ? children.shift() : {};
	for (const [key, value] of Object.entries(properties))
		if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
		else if (key in node) node[key] = value;
		else node.setAttribute(key, value);
	node.append(...children.filter(child => child !== null));
	return node;
}
const button = (id, text, onclick, more = {}) => el("button", {id, onclick, ...more}, text);
const icon = (id, text, key, onclick) => button(id, text, onclick, {ariaLabel: t(key)});
const slider = (id, min, max, value, label, act) => el("input", {type: "range", id, min, max, value, ariaLabel: label, oninput: e => act(+e.target.value)});
const tools = () => el("div.tools");
const colours = (a, b) => el("span.shape", "(", el("i.a" + letter(a), letter(a)), ", ", el("i.a" + letter(b), letter(b)), ")");
const place = (node, column, row, span = 1) => {
	const back = column > 5, below = back && mode("stack");
	if (back) node.classList.add("back");
	node.style.gridColumn = `${below ? column - 5 : column} / span ${span}`;
	node.style.gridRow = row + (below ? 3 + STRIP : 1);
	return node;
};
function layout() {
	const sizes = size(), narrow = wide() < 600, width = wide() - (narrow ? 20 : 32), least = tiny ? 11 : narrow ? 29 : 32, cap = {...(tiny ? TINY : LIMIT)};
	const slots = () => min(max(sizes.m, sizes.k), max(cap.m, cap.k)) + min(sizes.n, cap.n);
	const edge = narrow ? 92 : 114;
	// Samples give way first, then features and neurons, until a strip fits.
	while (slots() * least + edge > width && cap.n > 2) if (cap.n > 4 || cap.k < 4) cap.n--; else cap.m = min(cap.m, --cap.k);
	for (const axis of "mnkK") {
		const all = range(sizes[axis]), first = wanted[axis] ?? (edited ? null : D.order?.[axis]) ?? all;
		shown[axis] = sizes[axis] <= cap[axis] ? all : first.filter(i => i < sizes[axis]).slice(0, cap[axis]).sort((a, b) => a - b);
	}
	shown[1] = [0];
	const columns = max(shown.m.length, shown.k.length, shown.K.length > 1 ? 0 : 1) + shown.n.length;
	const stack = 2 * (columns * least + edge) + 16 > width, side = !stack && width - 2 * (columns * least + edge) - 16 > 240;
	const room = stack ? width - edge : (width - (side ? 240 : 0) - 16) / 2 - edge;
	const cell = max(tiny ? 9 : 29, min(tiny ? 18 : 44, floor(room / columns)));
	const rows = 3 * max(shown.k.length, shown.m.length) + 3 * shown.K.length;
	for (const [name, on] of Object.entries({framed, narrow, tiny, stack, side, tight: cell < 39, few: cell * shown.n.length < 170})) root.classList.toggle(name, on);
	root.style.setProperty("--c", cell + "px");
	root.style.setProperty("--h", (tiny ? min(cell, 14) : rows > 14 ? 21 : narrow ? 24 : 26) + "px");
}
function matrix(name) {
	const {a, b, column, row, equation} = SPEC[name], flip = name === "X" && turned;
	const [p, q] = flip ? [b, a] : [a, b], mine = cells[name] = {};
	for (const r of shown[a]) { mine[r] = {}; for (const c of shown[b]) mine[r][c] = el("td", {tabIndex: -1, role: "gridcell", onfocus: () => pick([name, r, c]), ondblclick: () => $("value")?.focus()}); }
	const body = shown[p].map(i => el("tr", {role: "row"}, ...shown[q].map(j => flip ? mine[j][i] : mine[i][j])));
	const table = el("table", {role: "grid", "aria-labelledby": "t-" + name, style: `--r:var(--${p});--q:var(--${q});width:calc(${shown[q].length} * var(--c) + 3px)`}, el("tbody", {role: "rowgroup"}, ...body));
	const text = name === "G" ? t("evidence") : column === 7 || column === 8 ? "" : equation;
	return place(el("div.matrix#m-" + name, el("div.caption#t-" + name, el("b", symbol(name)), el("span", text && text + " "), colours(p, q)), table), column, row);
}
const head = (axis, text, tabIndex) => i => el("button.head a" + axis, {tabIndex, ariaPressed: "false", "data-at": axis + "." + i, ariaLabel: named(axis, i), onclick: () => pick(select + "" === `${axis},${i}` ? null : [axis, i])}, text ? given(axis, i) ?? named(axis, i) : number(axis, i));
const heads = (axis, column, row, span, text) => place(el("div.heads" + (row ? text ? "" : " num" : " top"), ...shown[axis].map(head(axis, text, column > 5 || row > 4 || row === 3 ? -1 : 0))), column, row, span);
function build() {
	const active = document.activeElement?.id;
	root.lang = zh() ? "zh-CN" : "en";
	layout();
	const stage = el("div.#stage", place(el("h2", t("forward")), 1, 0, 3), place(el("h2", t("backward")), 6, 0, 3), heads("n", 4, 0), heads("n", 9, 0));
	stage.append(heads(turned ? "n" : "m", 1, 1, 3, true), heads("k", 1, 2), heads("k", 6, 2), heads("k", 1, 3, 3, true), heads("K", 1, 4), heads("K", 6, 4));
	for (const row of D.moderation ? [5, 6, 8] : [5, 6]) stage.append(heads("K", 1, row, 3, true));
	stage.append(...NAMES.map(matrix), el("div.#frames", {ariaHidden: "true"}));
	scales();
	stage.append(side());
	$("app").replaceChildren(bar(), stage, el("section.#read", {ariaLive: "polite"}));
	update();
	if (active) $(active)?.focus({preventScroll: true});
}
function bar() {
	const sizes = size(), N = last(), live = small(), first = tools(), second = tools();
	if (N) first.append(icon("play", "▶", "play", play), icon("start", "↺", "start", () => go(0)), button("one", t("one"), () => go(at + 1)),
		slider("slider", 0, N, at, t("iteration"), go), el("span.#now"));
	first.append(el("span.#cost"));
	if (live) {
		if (!other()) first.append(el("label", t("eta"), el("input.#eta", {type: "number", value: eta, step: "any", onchange: e => {
			if (+e.target.value > 0) { eta = +e.target.value; restart(F[0]); at = min(at, last()); }
			build();
		}})));
		const on = step >= 0, walk = el("span.group", button("steps", t("steps"), () => { stop(); step = on ? -1 : 0; answer = null; build(); }, {ariaPressed: on}));
		if (on) walk.append(icon("back", "◀", "back", () => move(-1)), icon("next", "▶", "next", () => move(1)),
			el("label", el("input.#ask", {type: "checkbox", checked: asking, onchange: e => { asking = e.target.checked; answer = null; update(); }}), t("ask")));
		second.append(walk, el("label", t("break"), el("select.#break", {onchange: e => { stop(); wrong = e.target.value; update(); }},
			...["", "t", "k", "n", "r"].map(b => el("option", {value: b, selected: b === wrong}, t("break_" + b))))));
	}
	const group = el("span.group");
	for (const axis of "mnkK") {
		if (axis === "K" && sizes.K <= LIMIT.K) continue;
		const label = el("label.size", el("b.a" + axis, axis)), drag = live && sizes[axis] <= LIMIT[axis];
		if (drag) label.append(slider("size-" + axis, 1, LIMIT[axis], sizes[axis], t(axis), v => resize(axis, v)));
		if (shown[axis].length < sizes[axis] || wanted[axis]) label.append(el("input", {type: "text", id: "choice-" + axis, value: shown[axis].map(i => number(axis, i)).join(" "), ariaLabel: t(axis), onchange: e => pickShown(axis, e.target.value)}), t("of", D.total[axis]));
		else label.append(sizes[axis]);
		label.append(el("span", t(axis)));
		group.append(label);
	}
	second.append(group, el("span.group end", tiny ? null : button("turn", t(turned ? "turn_back" : "turn"), turnX),
		[..."mnk"].some(a => sizes[a] > LIMIT[a]) ? button("tiny", t(tiny ? "numbers" : "colours"), () => { tiny = !tiny; turned = false; build(); }) : null,
		button("language", t("language"), () => { language = zh() ? "en" : "zh"; build(); }, {lang: zh() ? "en" : "zh-CN"})));
	return el("header", el("h1", t("title")), first, second, D.given ? el("p.note", t("frozen")) : null, el("div.#message", {role: "status"}));
}
const svg = (tag, more) => { const node = document.createElementNS("http://www.w3.org/2000/svg", tag); for (const key in more) node.setAttribute(key, more[key]); return node; };
function side() {
	const box = el("div.side"), figure = (key, node) => box.append(el("figure", el("figcaption", t(key)), node));
	if (last()) figure("curve", svg("svg", {id: "curve", viewBox: "0 0 200 70", role: "img", "aria-label": t("curve")}));
	if (X.length === 2 && !D.given) figure("boundary", el("canvas.#boundary", {width: 400, height: 400, role: "img", ariaLabel: t("boundary")}));
	box.append(el("div.legend", el("span.#low"), el("span.ramp"), el("span.#high")));
	if (scale.own) box.append(el("p.note", t("own_scale")));
	return place(box, ...[["side", 10, 1, 1], ["stack", 1, 2 * STRIP + 2, 4], ["", 6, 5, 4]].find(([name]) => !name || mode(name)).slice(1));
}
// One colour scale a matrix, fixed over the iterations; where the features' units differ, X
// about each feature's mean, and X, W1 and dW1 in its standard deviations.
function scales() {
	const spread = X.map(row => { const mean = total(row) / row.length; return [mean, Math.sqrt(total(row.map(v => (v - mean) ** 2)) / row.length) || 1]; });
	const tops = X.map(row => max(...row.map(abs))).filter(v => v > 0), found = {}, N = last();
	scale = {own: max(...tops) > 20 * min(...tops) || spread.some(([mean, s]) => s !== 1 && abs(mean) > 20 * s), spread, limit: {}};
	for (const f of N ? range(9) : [0]) {
		const i = round(f * N / 8);
		ensure(i);
		const v = pass(F[i]);
		for (const name of NAMES) if (v[name]) for (const r of shown[SPEC[name].a]) for (const c of shown[SPEC[name].b])
			(found[name] ??= []).push(abs(relative(name, v[name][r][c], r, c)));
	}
	for (const name of NAMES) {
		const sorted = (found[name] ?? [1]).sort((a, b) => a - b);
		scale.limit[name] = /^(A.|Y|P|G)$/.test(name) ? 1 : sorted[floor(0.98 * (sorted.length - 1))] || sorted.at(-1) || 1;
	}
}
const relative = (name, v, r, c) => !scale.own ? v : name === "X" ? (v - scale.spread[r][0]) / scale.spread[r][1]
	: name === "W1" ? v * scale.spread[c][1] : name === "dW1" ? v / scale.spread[c][1] : v;

// ---- Showing the moment.
function update() {
	ensure(at);
	const p = F[at], {m, k} = size(), done = step > DONE;
	let hidden = new Set(step < 0 ? [] : ORDER.slice(step)), text = "";
	V = pass(p, wrong);
	if (D.moderation) {
		// The factors belong to the fitted weights and to no others.
		const fits = !edited && !wrong && at === (recorded ? last() : 0) && (step < 0 || step >= DONE);
		if (fits) { V.G = D.moderation; V.P = activate(map(V.Z2, (z, i, j) => z * V.G[i][j])); } else hidden.add("G").add("P");
	}
	if (wrong === "t" && m === k) { V = pass({...p, W1: turn(p.W1)}); text = t("square"); } else if (wrong === "t") { text = `ValueError: W1 has shape (${m}, ${k}); it needs (${m}, ${m}) = (k, m), m being the rows of X.`; hidden = new Set([...ORDER, "G", "P"]); }
	else if (wrong === "k") { text = `ValueError: db1 has shape (${k},); it needs (${k}, 1), that of b1.`; hidden.add("db1").add("db2"); }
	else if (wrong) text = check(p, V);
	if (done) V = {...V, ...descend(p)};
	$("message").textContent = text;
	root.classList.toggle("fore", mode("plain") && step >= 0 && step < 5);
	for (const name of NAMES) {
		const box = $("m-" + name), empty = hidden.has(name);
		box.classList.toggle("now", name === ORDER[step - 1] || done && WEIGHTS.includes(name));
		box.classList.toggle("empty", empty);
		for (const r in cells[name]) for (const c in cells[name][r]) {
			const td = cells[name][r][c], v = empty ? undefined : V[name][r][c];
			td.tabIndex = -1;
			td.textContent = v === undefined || tiny ? "" : brief(v);
			td.ariaLabel = tiny && !empty ? full(v) : null;
			if (empty) { delete td.dataset.v; td.className = ""; continue; }
			const x = relative(name, v, r, c) / scale.limit[name];
			td.dataset.v = v;
			td.className = (x < 0 ? "neg" : "pos") + (abs(x) > 1.0001 ? " over" : "") + (td.textContent.length > 5 ? " long" : "");
			td.style.setProperty("--v", round(100 * min(1, abs(x) || 0)) + "%");
		}
		box.querySelector("td").tabIndex = 0;
	}
	$("cost").replaceChildren(t("cost") + " ", el("b", {"data-v": V.cost}, full(+V.cost.toPrecision(4))));
	if ($("slider")) {
		$("slider").value = at;
		$("now").replaceChildren(t("iteration") + " ", el("b", iteration(at)), " / " + iteration(last()));
		$("one").disabled = at >= last();
		Object.assign($("play"), {textContent: playing ? "❚❚" : "▶", ariaLabel: t(playing ? "pause" : "play")});
		curve(last());
	}
	chosen();
}
function chosen() {
	document.querySelector("[aria-selected]")?.removeAttribute("aria-selected");
	const td = cells[select?.[0]]?.[select[1]]?.[select[2]];
	if (td) {
		$("m-" + select[0]).querySelector("[tabindex='0']")?.setAttribute("tabindex", -1);
		td.tabIndex = 0;
		td.ariaSelected = true;
	}
	readout(); frames(); boundary(); remember();
	tell();
}
function words(text) {
	const [name, r, c] = select, where = SPEC[name] ? {[SPEC[name].b]: c, [SPEC[name].a]: r} : {[name]: r};
	for (const axis of "mnkK") if (axis in where) text = text.replaceAll(`{${axis}}`, named(axis, where[axis]));
	return text[0].toUpperCase() + text.slice(1);
}
function readout() {
	const box = $("read"), lines = step >= 0 ? [question()] : [], put = (className, ...text) => lines.push(el("p." + className, ...text));
	box.ariaLive = playing ? "off" : "polite";
	const [name, r, c] = select ?? [];
	if (!name) { if (step < 0) put("", t("hint")); }
	else if (!SPEC[name]) put("", words(t("axis_" + name, name === "n" && !D.given ? full(costOf(V.Z2, r)) : "–")));
	else if (!$("m-" + name).classList.contains("empty")) {
		const {a, b} = SPEC[name], v = V[name][r][c], from = reads(name, r, c), made = sum(name, r, c), value = el("b", full(v));
		const row = tools();
		lines.push(row);
		put("", el("b", entry(name, r, c)), from.length ? " = " + from.slice(0, 2).map(line).join(PRODUCT[name] ? " · " : t("and")) + (from[2] ? " + " + line(from[2]) : "") : " = ", from.length ? "" : value);
		if (from.length) put("sum", made ? `= ${made[0]} = ` : "= ", value);
		const [x, y, z] = PRODUCT[name] ?? [], to = reaches(name, r, c);
		put("words", words(t(name)), x ? t("gone", shape(x, y), shape(y, z), shape(x, z), letter(y)) : "ZAP".includes(name[0]) || "dZ2 S1 dZ1".includes(name) ? t("same", shape(a, b)) : "",
			to.length ? t("reaches", to.map(line).join(t("and"))) : "");
		const w = name.replace(/^d/, ""), free = !D.given && step <= DONE;
		if (WEIGHTS.includes(w) && !D.given && !other() && wrong !== "k") {
			const old = F[at][w][r][c], g = pass(F[at], wrong)["d" + w][r][c];
			put("sum", `${t("after")} ${entry(w, r, c)} − η ${entry("d" + w, r, c)} = ${full(old)} − ${full(eta)} × ${factor(g)} = `, el("b", full(old - eta * g)));
		}
		if (!from.length && name !== "G" && free) row.append(el("label", t("value"), el("input", {type: "number", step: "any", id: "value", value: v, onchange: e => edit(name, r, c, e.target.value), onkeydown: e => {
			if (e.key === "Escape") e.target.value = v;
			if (e.key === "Enter" || e.key === "Escape") { e.target.blur(); cells[name][r][c].focus(); }
		}})));
		if (made) row.append(button("copy", t("copy"), e => copy(`import numpy as np\n${made[1]}  # ${name}[${r}, ${c}]`, e.target), {"data-code": made[1]}));
	}
	box.replaceChildren(...lines);
	for (const b of document.querySelectorAll(".head")) b.ariaPressed = b.dataset.at === select?.join(".");
	const main = SPEC[name] ? name : "Z1", limit = +scale.limit[main].toPrecision(2);
	$("low").textContent = `${symbol(main)} ${full(-limit)}`;
	$("high").textContent = full(limit) + ($("m-" + main).querySelector(".over") ? " ◥" : "");
}
function question() {
	const row = el("p.step"), done = SPEC[ORDER[step - 1]], name = ORDER[step], next = SPEC[name];
	row.append(`${step} / ${DONE + 1} `);
	if (done) row.append(el("b", `${symbol(ORDER[step - 1])} ${done.equation} `), colours(done.a, done.b), " ");
	else row.append(t(step ? "update" : "begin") + " ");
	if (answer) row.append(el("b", answer));
	if (!asking || !next) return row;
	const right = shape(next.a, next.b), others = [["b", "a"], ["m", "n"], ["k", "m"], ["k", "1"]].map(([x, y]) => shape(next[x] ?? x, next[y] ?? y));
	const options = [...new Set([right, ...others])].slice(0, 3).sort();
	row.append(" ", t("which", symbol(name)), ...options.map((o, i) => button("answer" + i, o, () => move(1, t(o === right ? "right" : "wrong", o, right)))));
	return row;
}
function frames() {
	const over = $("frames"), home = boxOf($("stage")), centre = q => [q[0] + q[2], q[1] + q[3]];
	over.replaceChildren();
	const rect = ([name, r, c]) => {
		const { a, b } = SPEC[name], [i, j] = [r === null ? shown[a] : [r], c === null ? shown[b] : [c]];
		const ends = [cells[name][i[0]]?.[j[0]], cells[name][i.at(-1)]?.[j.at(-1)]];
		if (!ends[0] || !ends[1]) return null;
		return union(...ends.map(td => { const q = boxOf(td); return [q.left - home.left, q.top - home.top, q.right - home.left, q.bottom - home.top]; }));
	};
	const union = (p, q) => [min(p[0], q[0]), min(p[1], q[1]), max(p[2], q[2]), max(p[3], q[3])];
	const draw = (q, className) => { if (q) over.append(el("div." + className, {style: `left:${q[0]}px;top:${q[1]}px;width:${q[2] - q[0]}px;height:${q[3] - q[1]}px`})); };
	const band = (p, q) => { if (p && q && centre(p).some((v, i) => abs(v - centre(q)[i]) < 3)) draw(union(p, q), "band"); };
	if (!select) return;
	if (select.length === 2) {
		const [axis, i] = select, strips = {};
		for (const name of NAMES) for (const box of [SPEC[name].a === axis && rect([name, i, null]), SPEC[name].b === axis && rect([name, null, i])]) if (box) {
			draw(box, "frame");
			if (axis === "n") strips[SPEC[name].column] = union(strips[SPEC[name].column] ?? box, box);
		}
		for (const box of Object.values(strips)) draw(box, "band");
		return;
	}
	const here = rect(select), from = reads(...select);
	for (const source of from) { const box = rect(source); draw(box, "frame"); if (here) band(box, here); }
	for (const target of reaches(...select)) draw(rect(target), "reach");
	draw(here, "here");
}
function curve(N) {
	ensure(N);
	const marks = range(101).map(f => round(f * N / 100)), cost = i => costs[i] ??= pass(F[i]).cost;
	const top = max(...marks.map(cost)) || 1, x = i => 4 + 192 * i / N, y = c => 66 - 60 * c / top;
	$("curve").replaceChildren(svg("path", {d: "M4 4V66H196"}), svg("path", {class: "cost", d: "M" + marks.map(i => `${x(i)} ${y(cost(i))}`).join("L")}), svg("circle", {cx: x(at), cy: y(cost(at)), r: 4}));
}
function boundary() {
	if (!$("boundary")) return;
	const g = $("boundary").getContext("2d"), o = select?.[0] === "K" ? select[1] : 0, R = 50, q = 8;
	const ends = X.map(row => { const a = min(...row), b = max(...row), d = (b - a || 1) * 0.15; return [a - d, b - a + 2 * d]; });
	const spots = range(R * R), A = forward(F[at], [spots.map(l => ends[0][0] + (l % R + 0.5) / R * ends[0][1]), spots.map(l => ends[1][0] + (R - floor(l / R) - 0.5) / R * ends[1][1])]).A2[o];
	const [high, low, ink, paper] = ["pos", "neg", "ink", "paper"].map(name => { root.style.color = `var(--${name})`; return getComputedStyle(root).color; });
	root.style.color = "";
	g.fillStyle = paper; g.fillRect(0, 0, 400, 400); g.strokeStyle = ink; g.lineWidth = 3; g.beginPath();
	for (const l of spots) {
		const x = l % R * q, y = floor(l / R) * q, side = A[l] > 0.5;
		g.globalAlpha = 0.08 + 0.6 * abs(2 * A[l] - 1); g.fillStyle = side ? high : low; g.fillRect(x, y, q, q);
		if (x && side !== A[l - 1] > 0.5) { g.moveTo(x, y); g.lineTo(x, y + q); }
		if (y && side !== A[l - R] > 0.5) { g.moveTo(x, y); g.lineTo(x + q, y); }
	}
	g.globalAlpha = 1; g.stroke(); g.font = "600 22px system-ui, sans-serif"; g.textAlign = "center"; g.textBaseline = "middle";
	const sample = select?.[0] === "n" ? select[1] : SPEC[select?.[0]]?.b === "n" ? select[2] : -1;
	for (const j of X[0].length > 60 ? shown.n : range(X[0].length)) {
		const x = (X[0][j] - ends[0][0]) / ends[0][1] * 400, y = 400 - (X[1][j] - ends[1][0]) / ends[1][1] * 400;
		g.beginPath();
		if (Y[o][j] > 0.5) g.arc(x, y, 17, 0, 7); else g.rect(x - 15, y - 15, 30, 30);
		g.fillStyle = paper; g.fill(); g.lineWidth = j === sample ? 7 : 2.5; g.stroke();
		g.fillStyle = ink; g.fillText(number("n", j), x, y + 1);
	}
}

// ---- Acting.
function pick(what) { if (what + "" !== select + "") { select = what; chosen(); } }
function stop() { clearInterval(playing); playing = null; }
function go(i) { stop(); at = clamp(i, last()); if (step > 0) step = 0; answer = null; update(); }
function play() {
	if (playing) { stop(); update(); return; }
	if (at >= last()) at = 0;
	if (step >= 0) { step = -1; build(); }
	playing = setInterval(() => { if (++at >= last()) stop(); update(); }, 70);
	update();
}
function move(by, said = null) {
	stop();
	step += by; answer = said;
	if (step > DONE + !other()) { step = 0; at = min(last(), at + 1); }
	step = max(0, step);
	const name = step > DONE ? "W1" : ORDER[step - 1];
	select = name ? [name, shown[SPEC[name].a][0], shown[SPEC[name].b][0]] : null;
	update();
	$("m-" + name)?.scrollIntoView({block: "nearest"});
}
function edit(name, r, c, text) {
	const v = Number(text), put = A => map(A, (old, i, j) => i === r && j === c ? v : old);
	if (text === "" || !isFinite(v)) { update(); return; }
	stop();
	if (name === "X") X = put(X); else if (name === "Y") Y = put(Y);
	const p = WEIGHTS.includes(name) ? {...F[at], [name]: put(F[at][name])} : F[0];
	if (p !== F[0]) at = 0;
	restart(p);
	edited = true; at = min(at, last());
	build();
}
function resize(axis, to) {
	const s = {...size(), [axis]: to}, p = F[at], from = D.frames[0];
	const grow = (A, a, b, old, f) => range(s[a]).map(r => range(s[b]).map(c => A[r]?.[c] ?? old[r]?.[c] ?? f(r, c)));
	X = grow(X, "m", "n", D.X, (r, c) => (r * 5 + c * 3) % 10 / 10);
	Y = grow(Y, "K", "n", D.Y, (r, c) => Number(c % s.K === r));
	restart(each((w, i) => grow(p[w], SPEC[w].a, SPEC[w].b, from[i], (r, c) => w[0] === "b" ? 0 : ((r * 7 + c * 5 + 3) % 11 - 5) / 5)));
	edited = true; at = 0; select = null;
	stop(); build();
}
function pickShown(axis, text) {
	const all = D.index?.[axis] ?? range(size()[axis]), chosen = [...new Set(text.match(/\d+/g) ?? [])].map(x => all.indexOf(x - 1));
	if (!chosen.length || chosen.includes(-1)) { $("message").textContent = t("bad_choice", D.given ? list(all.map(i => i + 1)) : "1 … " + all.length); return; }
	wanted[axis] = chosen; select = null; build();
}
function turnX() {
	const every = f => { for (const r in cells.X) for (const c in cells.X[r]) f(r + " " + c, cells.X[r][c]); }, old = {};
	every((key, td) => { old[key] = boxOf(td); });
	turned = !turned;
	build();
	if (!still) every((key, td) => {
		const b = boxOf(td), a = old[key] ?? b;
		td.animate([{transform: `translate(${a.left - b.left}px, ${a.top - b.top}px)`}, {transform: "none"}], {duration: 700, easing: "ease-in-out"});
	});
}
async function copy(text, from) {
	try { await navigator.clipboard.writeText(text); }
	catch { const area = el("textarea", {value: text}); document.body.append(area); area.select(); document.execCommand("copy"); area.remove(); from.focus(); }
	from.textContent = t("copied");
}
document.addEventListener("keydown", e => {
	const td = e.target.closest?.("td[tabindex]"), way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[e.key];
	if (e.key === "Escape" && !e.target.closest?.("input")) pick(null);
	if (!td || e.ctrlKey || e.metaKey || e.altKey) return;
	if ($("value") && /^(Enter|F2|[\d.-])$/.test(e.key)) { $("value").focus(); $("value").select(); if (e.key.length > 1) e.preventDefault(); }
	if (!way) return;
	// The nearest number on that side, in this matrix or in the next.
	const mid = q => { const b = boxOf(q); return [b.left + b.width / 2, b.top + b.height / 2]; };
	const [x, y] = mid(td);
	let best = td, least = Infinity;
	for (const other of document.querySelectorAll("td[tabindex]")) {
		const [u, v] = mid(other), along = (u - x) * way[0] + (v - y) * way[1], far = along + 4 * (abs((u - x) * way[1]) + abs((v - y) * way[0]));
		if (along > 3 && far < least) { least = far; best = other; }
	}
	e.preventDefault();
	best.focus();
});
// The page around a frame says its theme, and is told the frame's height.
const tell = () => { if (framed) window.parent.postMessage({explorer: Math.ceil(boxOf(document.body).height)}, "*"); };
addEventListener("message", e => {
	if (!framed || e.source !== window.parent) return;
	if (["light", "dark"].includes(e.data?.theme)) root.dataset.theme = e.data.theme;
	boundary(); tell();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", boundary);
addEventListener("hashchange", () => { stop(); recall(); build(); });
if (/\by=1/.test(location.hash) && !still) setTimeout(() => $("play")?.click(), 900);
recall();
// A frame's first width comes without an event, and may come late.
let before = 0;
new ResizeObserver(() => { if (wide() !== before) { before = wide(); build(); } }).observe(root);
if ((before = wide())) build();
})();
