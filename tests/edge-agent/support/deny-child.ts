/**
 * Takes a deny list in a process of its own that may be killed: `node deny-child.ts FOLDER POINT:N`. The folder holds
 * `messages.json`, [topic, base64] in order, and `lists.pem`, the public key of the lists.
 */
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDenyStore } from '../../../edge-agent/adapters/deny-store.ts';
import { realTimers } from '../../../edge-agent/adapters/timers.ts';
import { createDenyList } from '../../../edge-agent/deny-list.ts';
import { killProbe } from '../../../simulators/faults/kill-probe.ts';

const [dir, spec] = process.argv.slice(2) as [string, string | undefined];
const lists = new Map([['lists-1', createPublicKey(readFileSync(join(dir, 'lists.pem')))]]);
const messages = JSON.parse(readFileSync(join(dir, 'messages.json'), 'utf8')) as [string, string][];
const { store } = openDenyStore(dir, { rest: realTimers.rest, probe: killProbe(spec) });
const list = createDenyList(store, { lists, generations: new Map() }, realTimers.rest);
for (const [topic, bytes] of messages) await list.receive(topic, Buffer.from(bytes, 'base64'));
store.close();
