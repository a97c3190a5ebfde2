// Whole plays, as players and facilitators have them.
import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {control, inspect, launch, login, person, press, tab} from "./site.js";

const {BOSS, ANA, BEN} = process.env;
let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

// until waits for a condition in the page.
const until = (page, what, arg) => page.waitForFunction(what, arg, {timeout: 15000});
const said = (page, text) => until(page, (t) => document.getElementById("say").textContent.includes(t), text);
const left = async (page) => {
	const [m, s] = (await page.locator("#status .digits").textContent()).split(":").map(Number);
	return m * 60 + s;
};

test("a live session", async () => {
	const boss = await person(browser), ana = await person(browser), ben = await person(browser);
	await boss.goto("/login");
	await inspect(boss, "login");
	await login(boss, "fd_p_nothing").catch(() => {});
	assert.match(await boss.getByRole("alert").textContent(), /not one of ours/);
	await login(boss, BOSS);
	await login(ana, ANA);
	await login(ben, BEN);

	await boss.getByRole("region", {name: "New session"}).getByLabel(/^Scenario/).selectOption("payment-latency");
	await boss.getByRole("button", {name: "Create session"}).click();
	await boss.getByRole("heading", {name: "Controls"}).waitFor();
	const session = new URL(boss.url()).pathname;
	await inspect(boss, "console-waiting");

	// Ana plays with nothing but the keyboard.
	await ana.goto("/");
	await inspect(ana, "home");
	await press(ana, ana.getByRole("button", {name: "Join Payments have become slow"}));
	await ana.getByRole("heading", {name: "How it works"}).waitFor();
	await inspect(ana, "waiting");
	await ana.evaluate(() => { window.same = true; });
	await ben.goto(session);
	await ben.getByRole("button", {name: "Join this session"}).click();
	await ana.getByText("Players (2)").waitFor();

	await boss.getByLabel("Announce to all").fill("Cameras on, please");
	await boss.getByRole("button", {name: "Announce", exact: true}).click();
	await said(ana, "Cameras on, please");
	await boss.getByRole("button", {name: "Start now"}).click();
	await ana.getByText("Until the page").waitFor();
	assert.ok(await left(ana) <= 5);
	assert.equal(await ana.getByText("PaymentLatencyHigh").count(), 0);
	await ana.locator(".alert", {hasText: "PaymentLatencyHigh"}).waitFor();
	await said(ana, "PaymentLatencyHigh");
	assert.ok(await ana.evaluate(() => window.same), "the page was loaded again");
	assert.ok(await left(ana) > 29 * 60 + 50 && await left(ana) <= 30 * 60);
	await inspect(ana, "live");
	await inspect(boss, "console-live");

	// A wrong suspect. What is being written stays when the page changes, and so does the focus.
	await tab(ana, ana.getByRole("combobox", {name: "Component"}));
	await ana.keyboard.type("token-vault");
	await tab(ana, ana.getByRole("combobox", {name: "Cause"}));
	await ana.keyboard.type("A new version");
	await tab(ana, ana.getByLabel("Reasoning"));
	await ana.keyboard.type("deployed just before");
	await boss.getByLabel("Announce to all").fill("The shops are calling");
	await boss.getByRole("button", {name: "Announce", exact: true}).click();
	await ana.locator(".events").getByText("The shops are calling").waitFor();
	await ana.keyboard.type(", I think");
	assert.equal(await ana.getByLabel("Reasoning").inputValue(), "deployed just before, I think");
	await press(ana, ana.getByRole("button", {name: "Add another suspect"}));
	await ana.getByRole("group", {name: "Suspect 2"}).waitFor();
	await until(ana, () => document.activeElement.id === "component-1");
	await inspect(ana, "two-suspects");
	await press(ana, ana.getByRole("button", {name: "Remove suspect 2"}));
	await ana.getByRole("group", {name: "Suspect 2"}).waitFor({state: "detached"});
	await press(ana, ana.getByRole("button", {name: "Review and submit…"}));
	await ana.getByRole("heading", {name: "Submit this?"}).waitFor();
	assert.equal(await ana.getByLabel("Reasoning").isVisible(), false);
	await inspect(ana, "confirm");
	await boss.getByLabel("Announce to all").fill("They call again");
	await boss.getByRole("button", {name: "Announce", exact: true}).click();
	await ana.keyboard.press("Enter"); // the button has the focus
	await ana.getByText("Not right. It adds 5 min to your time").waitFor();
	await ana.locator("#lock .digits").waitFor();
	await ben.locator("#board").getByText("+5:00").waitFor();
	await inspect(ana, "locked-out");

	// Locked out, the next suspect can be written but not submitted; nothing of it is lost.
	await tab(ana, ana.getByRole("combobox", {name: "Component"}));
	await ana.keyboard.type("payment-orch");
	await tab(ana, ana.getByRole("combobox", {name: "Cause"}));
	await ana.keyboard.type("A time-out");
	await ana.keyboard.press("Tab");
	await ana.keyboard.type("half past");
	await ana.keyboard.press("Enter");
	assert.match(await ana.getByRole("alert").textContent(), /such as 14:05/);
	assert.equal(await ana.getByLabel("Since, UTC").inputValue(), "half past");
	await tab(ana, ana.getByLabel("Since, UTC"));
	await ana.keyboard.press("Control+A");
	await ana.keyboard.press("Delete");
	await press(ana, ana.getByRole("button", {name: "Review and submit…"}));
	await ana.getByRole("button", {name: "Submit", exact: true}).waitFor();
	await ana.keyboard.press("Enter");
	await ana.getByRole("alert").getByText(/This was not submitted, since you are locked out/).waitFor();
	assert.equal(await ana.getByRole("combobox", {name: "Component"}).inputValue(), "payment-orchestrator");
	await inspect(ana, "refused");
	await control("/pass?by=2m");
	await said(ana, "You can submit again.");
	await until(ana, () => !document.querySelector("#lock .digits"));

	// Pause and extension, seen live.
	await boss.getByRole("button", {name: "Pause"}).click();
	await ana.getByText("Left when it goes on").waitFor();
	const stood = await left(ana);
	await control("/pass?by=3m");
	await inspect(ana, "paused");
	assert.equal(await left(ana), stood);
	await boss.getByRole("button", {name: "Resume"}).click();
	await ana.getByText("Time left").waitFor();
	assert.ok(Math.abs(await left(ana) - stood) <= 3, `${await left(ana)} s are left, ${stood} were`);
	await boss.getByLabel("Extend by minutes").fill("10");
	await boss.getByRole("button", {name: "Extend"}).click();
	await until(ana, (s) => {
		const [m, sec] = document.querySelector("#status .digits").textContent.split(":").map(Number);
		return m * 60 + sec > s + 590;
	}, stood);
	await boss.getByLabel("Prepared event").selectOption({index: 0});
	await boss.getByRole("button", {name: "Inject"}).click();
	await ana.locator(".events .of-inject").waitFor();

	await tab(ana, ana.getByLabel("New hypothesis"));
	await ana.keyboard.type("The orchestrator waits too long");
	await press(ana, ana.getByRole("button", {name: "Add", exact: true}));
	await press(ana, ana.getByRole("button", {name: "Confirm"}));
	await ana.locator("#notebook .confirmed").waitFor();

	// The last minutes.
	await control(`/pass?by=${await left(ana) - 303}s`);
	await said(ana, "Five minutes left.");
	await until(ana, () => document.querySelector("#status .count.soon")?.textContent.includes("last five minutes"));
	await inspect(ana, "last-minutes");

	// A connection that is lost is said to be, and found again.
	await ana.route("**/session/**", (route) => route.abort());
	await control("/cut");
	await ana.locator("#stale:visible").waitFor();
	assert.match(await ana.locator("#stale").textContent(), /^Connection lost\. This is the state of \d\d:\d\d:\d\d; trying again\.$/);
	await inspect(ana, "connection-lost");
	await ana.unroute("**/session/**");
	await ana.locator("#stale").waitFor({state: "hidden"});

	// The right one.
	await tab(ana, ana.getByRole("combobox", {name: "Component"}));
	await ana.keyboard.type("payment-orch");
	await tab(ana, ana.getByRole("combobox", {name: "Cause"}));
	await ana.keyboard.type("A time-out");
	await press(ana, ana.getByRole("button", {name: "Review and submit…"}));
	await ana.getByRole("button", {name: "Submit", exact: true}).waitFor();
	await ana.keyboard.press("Enter");
	await ana.getByText(/^Right, after/).waitFor();
	await ben.locator("#board tbody tr").first().getByText("ana").waitFor();
	await inspect(ana, "right");

	// The end, and the debrief when it is revealed.
	await boss.getByText("End…").click();
	await boss.getByRole("button", {name: "End the session"}).click();
	await ana.getByText("The answer is not open yet").waitFor();
	await ben.getByText("nothing can be submitted any more").waitFor();
	assert.equal(await ana.getByText("Read the debrief").count(), 0);
	await inspect(ben, "ended");
	await boss.getByText("Reveal the answer…").click();
	await inspect(boss, "console-reveal");
	await boss.getByRole("button", {name: "Reveal the answer"}).click();
	const debrief = ana.getByRole("link", {name: "Read the debrief"});
	await debrief.waitFor();
	await press(ana, debrief);
	await ana.getByRole("heading", {name: "The answer"}).waitFor();
	await inspect(ana, "debrief");
	await boss.goto("/console/audit");
	await inspect(boss, "audit");
	for (const page of [boss, ana, ben]) page.calm(/status of 4\d\d|net::ERR_/); // what was refused, and the connection that was cut
	for (const page of [boss, ana, ben]) await page.context().close();
});

test("a round", async () => {
	const boss = await person(browser), ben = await person(browser);
	await login(boss, BOSS);
	await login(ben, BEN);
	const form = boss.getByRole("region", {name: "New round"});
	await form.getByLabel(/^Scenario/).selectOption("orders-unavailable");
	await form.getByLabel("Season").fill("autumn");
	await form.getByLabel("Closes, UTC").fill("2026-11-25T12:00");
	await form.getByRole("button", {name: "Create round"}).click();
	await boss.getByText("It is open until").waitFor();
	await inspect(boss, "round-console");
	await ben.goto(new URL(boss.url()).pathname);
	await inspect(ben, "round");
	await ben.getByRole("button", {name: "Play now"}).click();
	await ben.locator(".alert").waitFor();
	await ben.getByLabel("Nothing is broken").check();
	assert.ok(await ben.getByRole("combobox", {name: "Component"}).isHidden());
	await ben.getByRole("button", {name: "Review and submit…"}).click();
	await ben.getByRole("button", {name: "Change it"}).click();
	assert.ok(await ben.getByLabel("Nothing is broken").isChecked());
	await boss.getByText("Close…").click();
	await boss.getByRole("button", {name: "Close the round"}).click();
	await ben.getByText("when the round is over").waitFor();
	await boss.goto("/season/autumn");
	await inspect(boss, "season");
	await boss.goto("/console");
	await inspect(boss, "console");
	boss.calm();
	ben.calm();
	await boss.context().close();
	await ben.context().close();
});

test("alone, by a link, without JavaScript", async () => {
	const page = await person(browser, {javaScriptEnabled: false});
	await page.goto(await control("/code"));
	await page.getByRole("button", {name: "Log in as dora"}).click();
	await page.getByLabel("bids-late").check();
	await page.getByRole("button", {name: "Play alone"}).click();
	await page.getByRole("button", {name: "Start now"}).click();
	for (let i = 0; i < 60 && await page.locator(".alert").count() === 0; i++) {
		await page.waitForTimeout(250); // as the reader's patience has it
		await page.reload();
	}
	await page.locator(".alert").waitFor();
	await page.locator("noscript .banner").waitFor();
	await page.getByRole("combobox", {name: "Component"}).selectOption({index: 1});
	await page.getByRole("button", {name: "Review and submit…"}).click();
	await page.getByRole("alert").getByText("needs both a component and a cause").waitFor();
	await page.getByText("End…").click();
	await page.getByRole("button", {name: "End the session"}).click();
	await page.getByRole("link", {name: "Read the debrief"}).click();
	await page.getByRole("heading", {name: "The answer"}).waitFor();
	await page.context().close();
});
