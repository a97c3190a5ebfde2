// Keeps a page up to date: clocks, a stream of the session, and regions that are replaced when they have changed on
// the server. Without it everything works by reloading.
"use strict";
(() => {
	const body = document.body;
	const {self, stream} = body.dataset;
	const poll = Number(body.dataset.poll) * 1000;
	const byID = (id) => document.getElementById(id);

	// offset is how far the server's clock is ahead of the browser's. What arrives is late, never early: of what the server
	// says the greatest is the best, until the browser's clock is set.
	let offset = Number(body.dataset.now) - Date.now();
	const heard = (now) => {
		const seen = now - Date.now();
		offset = Math.abs(seen - offset) > 2000 ? seen : Math.max(seen, offset);
	};
	const now = () => Date.now() + offset;
	let asOf = now(); // of what the page shows

	const say = (text) => { byID("say").textContent = text; };

	// Clocks are drawn from the server's times, so that they are right after sleep.
	const digits = (ms) => {
		const s = Math.max(0, Math.ceil(ms / 1000)), two = (n) => String(n).padStart(2, "0");
		return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
	};
	const marks = [[60000, "One minute left."], [300000, "Five minutes left."]];
	let before = Infinity; // what was left when it was drawn last
	const over = new Set(); // times that have passed, and were acted upon
	const draw = () => {
		for (const e of document.querySelectorAll("[data-until]")) {
			const left = Number(e.dataset.until) - now(), text = digits(left), shown = e.querySelector(".digits");
			if (shown.textContent !== text) shown.textContent = text;
			if (e.dataset.kind === "left" && e.closest("#status")) {
				const soon = left <= 300000;
				e.classList.toggle("soon", soon);
				const note = soon ? left <= 60000 ? "last minute" : "last five minutes" : "";
				if (e.querySelector(".note").textContent !== note) e.querySelector(".note").textContent = note;
				const passed = left > 0 && marks.find(([at]) => left <= at && before > at);
				if (passed && before !== Infinity) say(passed[1]);
				before = left;
			}
			if (left <= 0 && !over.has(e.dataset.until)) {
				over.add(e.dataset.until);
				if (e.dataset.kind === "lock") say("You can submit again.");
				refresh();
			}
		}
	};

	// Regions: elements with data-live. One is replaced when its html on the server is another than it was, or, when data-live has a value,
	// when that is. What people have typed, opened and focused in it stays.
	const plain = (e) => {
		if (e.dataset.live !== "") return e.dataset.live;
		const copy = e.cloneNode(true);
		for (const x of copy.querySelectorAll(".digits, .note")) x.textContent = "";
		for (const x of copy.querySelectorAll(".soon")) x.classList.remove("soon");
		for (const x of copy.querySelectorAll("input[name=key]")) x.remove();
		return copy.outerHTML;
	};
	const served = new Map(); // what the server sent last, by id
	for (const e of document.querySelectorAll("[data-live]")) served.set(e.id, plain(e));
	const replace = (old, fresh) => {
		const focus = old.contains(document.activeElement) ? document.activeElement : null;
		const typed = [...old.querySelectorAll("input[id], textarea[id], select[id]")].filter((e) => e.type !== "radio" && e.value !== start(e));
		const open = [...old.querySelectorAll("details[id][open]")];
		old.replaceWith(fresh);
		for (const e of typed) if (byID(e.id)) byID(e.id).value = e.value;
		for (const e of open) if (byID(e.id)) byID(e.id).open = true;
		if (!focus) return;
		const again = focus.id && byID(focus.id);
		if (again && again !== document.activeElement) {
			again.focus({preventScroll: true});
			if (focus.selectionStart != null && again.setSelectionRange) again.setSelectionRange(focus.selectionStart, focus.selectionEnd);
		} else if (!again) {
			byID("main").focus({preventScroll: true});
		}
	};
	const start = (e) => e.tagName === "SELECT" ? ([...e.options].find((o) => o.defaultSelected) || e.options[0] || {}).value : e.defaultValue;
	const show = (html) => {
		const page = new DOMParser().parseFromString(html, "text/html");
		const was = byID("status")?.dataset;
		for (const fresh of page.querySelectorAll("[data-live]")) {
			const old = byID(fresh.id), text = plain(fresh);
			if (!old || served.get(fresh.id) === text) continue;
			served.set(fresh.id, text);
			replace(old, document.importNode(fresh, true));
		}
		body.dataset.tag = page.body.dataset.tag;
		const is = byID("status")?.dataset;
		if (was && is && is.news !== was.news) say(is.news);
		else if (was && is && is.say !== was.say) say(is.say);
		draw();
	};

	// The page is fetched again: one at a time, and once more if something has changed meanwhile.
	let busy = false, again = false;
	const refresh = async () => {
		if (!self) return;
		if (busy) { again = true; return; }
		busy = true;
		try {
			const answer = await fetch(self, {headers: {"X-Firedrill-Live": "1"}, cache: "no-store", signal: AbortSignal.timeout(10000)});
			if (answer.redirected && new URL(answer.url).pathname === "/login") { location.reload(); return; }
			if (!answer.ok) throw new Error(answer.status);
			const text = await answer.text();
			const date = text.match(/data-now="(\d+)"/);
			if (date) { heard(Number(date[1])); asOf = Number(date[1]); }
			show(text);
			if (!stream || source?.readyState === EventSource.OPEN) found();
		} catch {
			lost();
			setTimeout(refresh, 3000);
		} finally {
			busy = false;
			if (again) { again = false; refresh(); }
		}
	};

	// Whether what the page shows is fresh is said honestly.
	const lost = () => {
		const e = byID("stale"), text = `Connection lost. This is the state of ${new Date(asOf).toISOString().slice(11, 19)}; trying again.`;
		if (e.textContent !== text) e.textContent = text;
		e.hidden = false;
	};
	const found = () => { byID("stale").hidden = true; };

	let source, alive = performance.now();
	const listen = () => {
		source?.close();
		source = new EventSource(stream);
		source.onmessage = ({data}) => {
			const [at, tag] = data.split(" ");
			alive = performance.now();
			heard(Number(at));
			if (tag !== body.dataset.tag) { refresh(); return; }
			asOf = Number(at);
			found();
		};
		source.onerror = () => {
			lost();
			// The browser tries again by itself, except after an answer that is no stream, such as the login.
			if (source.readyState === EventSource.CLOSED) { setTimeout(listen, 3000); refresh(); }
		};
	};
	if (stream) {
		listen();
		// A connection can be gone without anybody saying so.
		setInterval(() => {
			if (performance.now() - alive > 15000) { alive = performance.now(); lost(); listen(); }
		}, 1000);
	} else if (poll && self) {
		setInterval(refresh, poll);
	}
	setInterval(draw, 250);
	document.addEventListener("visibilitychange", () => { if (!document.hidden) { draw(); if (self) refresh(); } });
	addEventListener("pageshow", (e) => { if (e.persisted) { if (stream) listen(); refresh(); } });
	addEventListener("pagehide", () => source?.close());
	// A form is sent once, however often its button is pressed.
	document.addEventListener("submit", (e) => {
		if (e.target.dataset.sent) e.preventDefault();
		e.target.dataset.sent = "1";
		setTimeout(() => { delete e.target.dataset.sent; }, 5000);
	});
	// Where the address leads to a part of the page, as those of forms do, browsers focus nothing else.
	addEventListener("load", () => document.querySelector("[autofocus]")?.focus());
	draw();
})();
