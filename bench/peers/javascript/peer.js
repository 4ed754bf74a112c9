// peer.js table|bucket|versions NAME: empties it with the AWS SDK for JavaScript, many requests side by side.
//
// Keys go from the listing into the deletes as they came, without the document client between, which costs more. Of a few
// settings tried the ones below need the least CPU and time.

import { Agent } from "node:http";

import { BatchWriteItemCommand, DescribeTableCommand, DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { DeleteObjectsCommand, ListObjectVersionsCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";

const SCAN_SEGMENTS = 8;
const BATCHES_AT_ONCE = 32;
const BATCH_ITEMS = 25;
const DELETES_AT_ONCE = 8;

const requestHandler = { httpAgent: new Agent({ keepAlive: true, maxSockets: 64 }) };

/** Runs tasks, at most so many at once; who brings one more waits. The first failure is thrown to whoever comes next. */
class Pool {
    #left;
    #waiting = [];
    #running = new Set();
    #failure;

    constructor(size) {
        this.#left = size;
    }

    async start(task) {
        if (this.#left === 0)
            await new Promise((resolve) => this.#waiting.push(resolve));
        else
            this.#left--;
        if (this.#failure)
            throw this.#failure;
        const running = task().catch((error) => { this.#failure ??= error; }).finally(() => {
            this.#running.delete(running);
            const next = this.#waiting.shift();
            if (next)
                next();
            else
                this.#left++;
        });
        this.#running.add(running);
    }

    async finish() {
        await Promise.all(this.#running);
        if (this.#failure)
            throw this.#failure;
    }
}

async function emptyTable(name) {
    const client = new DynamoDBClient({ requestHandler });
    const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
    const names = Object.fromEntries(Table.KeySchema.map((element, i) => [`#${i}`, element.AttributeName]));
    const pool = new Pool(BATCHES_AT_ONCE);

    async function deleteBatch(requests) {
        while (requests?.length) {
            const answer = await client.send(new BatchWriteItemCommand({ RequestItems: { [name]: requests } }));
            requests = answer.UnprocessedItems?.[name];
        }
    }

    async function emptySegment(segment) {
        let from;
        do {
            const page = await client.send(new ScanCommand({
                TableName: name,
                Segment: segment,
                TotalSegments: SCAN_SEGMENTS,
                ProjectionExpression: Object.keys(names).join(","),
                ExpressionAttributeNames: names,
                ExclusiveStartKey: from,
            }));
            const requests = page.Items.map((Key) => ({ DeleteRequest: { Key } }));
            for (let i = 0; i < requests.length; i += BATCH_ITEMS)
                await pool.start(() => deleteBatch(requests.slice(i, i + BATCH_ITEMS)));
            from = page.LastEvaluatedKey;
        } while (from);
    }

    await Promise.all(Array.from({ length: SCAN_SEGMENTS }, (_, segment) => emptySegment(segment)));
    await pool.finish();
}

async function deleteObjects(client, bucket, objects) {
    if (objects.length === 0)
        return;
    const Delete = { Objects: objects, Quiet: true };
    const answer = await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete }));
    if (answer.Errors?.length)
        throw new Error(`${answer.Errors.length} objects are left: ${answer.Errors[0].Code}`);
}

/** list(client, cursor) gives a page's objects and the next cursor; a page is deleted while the next one is read. */
async function emptyPages(name, list) {
    const client = new S3Client({ requestHandler, forcePathStyle: true });
    const pool = new Pool(DELETES_AT_ONCE);
    let cursor;
    do {
        const { objects, next } = await list(client, cursor);
        await pool.start(() => deleteObjects(client, name, objects));
        cursor = next;
    } while (cursor);
    await pool.finish();
}

function emptyBucket(name) {
    return emptyPages(name, async (client, ContinuationToken) => {
        const page = await client.send(new ListObjectsV2Command({ Bucket: name, ContinuationToken }));
        return { objects: (page.Contents ?? []).map(({ Key }) => ({ Key })), next: page.NextContinuationToken };
    });
}

function emptyVersions(name) {
    return emptyPages(name, async (client, from) => {
        const page = await client.send(new ListObjectVersionsCommand({ Bucket: name, ...from }));
        const found = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
        return {
            objects: found.map(({ Key, VersionId }) => ({ Key, VersionId })),
            next: page.IsTruncated && { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker },
        };
    });
}

const [what, name] = process.argv.slice(2);
await { table: emptyTable, bucket: emptyBucket, versions: emptyVersions }[what](name);
requestHandler.httpAgent.destroy();
