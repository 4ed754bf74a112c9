// peer.js unleash|launchdarkly THREADS COUNT: asks a flag SDK so many times whether one boolean flag is on, in each of that
// many worker threads at once, and prints the nanoseconds that one time took. Each SDK has the flag in its memory and talks to
// nobody; of its settings those that need the least time are used: no events, no metrics.

import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

const WARM_COUNT = 200_000;

async function openUnleash() {
    const { InMemStorageProvider, Unleash } = await import("unleash-client");
    const client = new Unleash({
        appName: "bench",
        url: "http://127.0.0.1:1/api/",
        refreshInterval: 0,
        disableMetrics: true,
        skipInstanceCountWarning: true,
        storageProvider: new InMemStorageProvider(),
        bootstrap: { data: [{ name: "maintenance", type: "release", enabled: true, strategies: [{ name: "default" }] }] },
    });
    await new Promise((resolve) => client.once("ready", resolve));
    return {
        ask: (count) => {
            let sum = 0;
            for (let i = 0; i < count; i++)
                sum += client.isEnabled("maintenance") ? 1 : 0;
            return sum;
        },
        close: () => client.destroy(),
    };
}

async function openLaunchDarkly() {
    const { default: sdk } = await import("@launchdarkly/node-server-sdk");
    const { default: integrations } = await import("@launchdarkly/node-server-sdk/integrations");
    const data = new integrations.TestData();
    await data.update(data.flag("maintenance").booleanFlag().variationForAll(true));
    const client = sdk.init("bench", {
        updateProcessor: data.getFactory(),
        sendEvents: false,
        diagnosticOptOut: true,
        logger: sdk.basicLogger({ level: "error" }),
    });
    await client.waitForInitialization({ timeout: 10 });
    const context = { kind: "user", key: "bench" };
    return {
        ask: async (count) => {
            let sum = 0;
            for (let i = 0; i < count; i++)
                sum += (await client.variation("maintenance", context, false)) ? 1 : 0;
            return sum;
        },
        close: () => client.close(),
    };
}

const SIDES = { unleash: openUnleash, launchdarkly: openLaunchDarkly };

async function work({ side, count, started }) {
    const client = await SIDES[side]();
    await client.ask(WARM_COUNT);
    // All begin when the last one is warm.
    const arrived = new Int32Array(started);
    Atomics.add(arrived, 0, 1);
    Atomics.notify(arrived, 0);
    for (let there = Atomics.load(arrived, 0); there < arrived[1]; there = Atomics.load(arrived, 0))
        Atomics.wait(arrived, 0, there);
    const began = process.hrtime.bigint();
    const sum = await client.ask(count);
    const took = Number(process.hrtime.bigint() - began);
    if (sum !== count)
        throw new Error(`${side}: the flag was on ${sum} times of ${count}`);
    await client.close();
    parentPort.postMessage(took / count);
}

async function main() {
    const [side, threads, count] = process.argv.slice(2);
    if (!Object.hasOwn(SIDES, side ?? "") || !(Number(threads) >= 1) || !(Number(count) >= 1)) {
        console.error("usage: peer.js unleash|launchdarkly THREADS COUNT");
        process.exit(2);
    }
    const started = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
    new Int32Array(started)[1] = Number(threads);
    const workers = Array.from({ length: Number(threads) }, () => new Promise((resolve, reject) => {
        const worker = new Worker(new URL(import.meta.url), { workerData: { side, count: Number(count), started } });
        worker.once("message", resolve);
        worker.once("error", reject);
    }));
    const times = await Promise.all(workers);
    console.log((times.reduce((sum, time) => sum + time, 0) / times.length).toFixed(1));
}

await (isMainThread ? main() : work(workerData));
