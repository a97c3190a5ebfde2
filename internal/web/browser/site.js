// What the tests share: Chromium, people, and a look at each page.
import assert from "node:assert/strict";
import path from "node:path";
import {AxeBuilder} from "@axe-core/playwright";
import {chromium} from "playwright-core";

const {CHROMIUM, SITE, CONTROL, SHOTS} = process.env;

export const launch = () => chromium.launch({executablePath: CHROMIUM, args: ["--no-sandbox"]}); // CI runs as root

// person is somebody with a browser of their own. What its console complains about fails the test, by calm.
export async function person(browser, options = {}) {
	const context = await browser.newContext({baseURL: SITE, viewport: {width: 1280, height: 800}, reducedMotion: "reduce", ...options});
	const page = await context.newPage();
	page.setDefaultTimeout(15000);
	const complaints = [];
	page.on("pageerror", (e) => complaints.push(String(e)));
	page.on("console", (m) => { if (m.type() === "error") complaints.push(m.text()); });
	page.calm = (allowed = /^$/) => assert.deepEqual(complaints.filter((c) => !allowed.test(c)), []);
	return page;
}

// login logs in by keyboard: the field has the focus.
export async function login(page, token) {
	await page.goto("/");
	await page.keyboard.type(token);
	await page.keyboard.press("Enter");
	await page.getByRole("button", {name: "Log out"}).waitFor();
}

// tab presses Tab until a locator has the focus, and sees that it shows.
export async function tab(page, target, key = "Tab") {
	for (let i = 0; i < 150; i++) {
		if (await target.evaluate((e) => e === document.activeElement).catch(() => false)) {
			const outline = await target.evaluate((e) => getComputedStyle(e.closest(".choice") ?? e).outlineStyle);
			assert.notEqual(outline, "none", "the focus does not show");
			return;
		}
		await page.keyboard.press(key);
	}
	assert.fail(`Tab does not come to ${target}`);
}

// press comes to a button or link by keyboard, and presses it.
export async function press(page, target) {
	await tab(page, target);
	await page.keyboard.press("Enter");
}

export const control = async (what) => {
	const answer = await fetch(CONTROL + what);
	assert.equal(answer.status, 200, what);
	return answer.text();
};

// inspect looks at a page: accessibility in both colour schemes, no scrolling sideways at 320 px, and screenshots of all.
export async function inspect(page, name) {
	const size = page.viewportSize();
	for (const colorScheme of ["light", "dark"]) {
		await page.emulateMedia({colorScheme});
		const axe = new AxeBuilder({page});
		if (colorScheme === "light") axe.withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]);
		else axe.withRules(["color-contrast"]); // nothing else changes
		const {violations} = await axe.analyze();
		assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html + " " + n.failureSummary).join(" | ")}`), [], `${name}, ${colorScheme}`);
		await page.screenshot({path: path.join(SHOTS, `${name}-${colorScheme}.png`), fullPage: true});
	}
	await page.setViewportSize({width: 320, height: 640});
	const {wide, culprits} = await page.evaluate(() => ({
		wide: document.documentElement.scrollWidth,
		culprits: [...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > 320 && !e.closest(".wide, .sr")).slice(0, 5).map((e) => e.outerHTML.slice(0, 120)),
	}));
	assert.ok(wide <= 320, `${name} is ${wide} px wide at 320 px: ${culprits}`);
	await page.screenshot({path: path.join(SHOTS, `${name}-320.png`), fullPage: true});
	await page.setViewportSize(size);
	await page.emulateMedia({colorScheme: "light"});
}
