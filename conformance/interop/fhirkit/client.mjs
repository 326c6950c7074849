// fhir-kit-client against a running gateway: every check a line of JSON on standard output, exit code 1 if one failed.
// Arguments: --base --certificate --key --trust --token (files) --system --other (two domains of identifiers).

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { Client } from 'fhir-kit-client';
import { Agent, fetch, Headers, Request, Response } from 'undici';

const NAMES = ['base', 'certificate', 'key', 'trust', 'token', 'system', 'other'];
const NOWHERE = 'urn:oid:2.999.77.77';
const GRADE = 'http://hl7.org/fhir/StructureDefinition/match-grade';

const { values: told } = parseArgs({
  options: Object.fromEntries(NAMES.map((name) => [name, { type: 'string' }])),
});
for (const name of NAMES) {
  if (told[name] === undefined) throw new Error(`--${name} is missing`);
}

// The fetch of Node takes no dispatcher of another release of undici, and only a dispatcher has a client certificate.
Object.assign(globalThis, { fetch, Headers, Request, Response });

const client = new Client({
  baseUrl: told.base,
  bearerToken: readFileSync(told.token, 'ascii').trim(),
  requestOptions: {
    dispatcher: new Agent({
      connect: {
        cert: readFileSync(told.certificate),
        key: readFileSync(told.key),
        ca: readFileSync(told.trust),
      },
    }),
  },
});

const fresh = () => `K${randomUUID().replaceAll('-', '').slice(0, 14)}`;
const letters = () =>
  [...randomUUID().replaceAll('-', '').slice(0, 12)]
    .map((each) => String.fromCharCode(97 + Number.parseInt(each, 16)))
    .join('');
const family = `Kit${letters()}`;
const annasId = fresh();
const annasOtherId = fresh();
const annasDouble = fresh();
const bertasId = fresh();
let logicalId;

const patient = (value, given, more = {}) => ({
  resourceType: 'Patient',
  identifier: [{ system: told.system, value }],
  name: [{ family, given: [given] }],
  gender: 'female',
  birthDate: '1961-04-12',
  ...more,
});
const anna = () =>
  patient(annasId, 'Anna', {
    identifier: [
      { system: told.system, value: annasId },
      { system: told.other, value: annasOtherId },
    ],
  });
const put = (body, value, system = told.system) =>
  client.update({ resourceType: 'Patient', searchParams: { identifier: `${system}|${value}` }, body });
const crossReference = (input, method = 'GET') =>
  client.operation({ name: 'ihe-pix', resourceType: 'Patient', method, input });
const find = (searchParams, options) => client.resourceSearch({ resourceType: 'Patient', searchParams, options });
const match = (parameter) =>
  client.operation({ name: 'match', resourceType: 'Patient', input: { resourceType: 'Parameters', parameter } });
const status = (answer) => Client.httpFor(answer).response.status;

async function refused(expected, code, call) {
  try {
    await call();
  } catch (error) {
    if (error.response === undefined) throw error;
    strictEqual(error.response.status, expected, JSON.stringify(error.response.data));
    strictEqual(error.response.data.resourceType, 'OperationOutcome');
    strictEqual(error.response.data.issue[0].code, code);
    return `${expected} ${error.response.data.issue[0].diagnostics}`;
  }
  throw new Error('nothing was refused');
}

function isAnna(bundle) {
  strictEqual(bundle.total, 1);
  const [{ resource, search }] = bundle.entry;
  strictEqual(search.mode, 'match');
  strictEqual(resource.name[0].family, family);
  deepStrictEqual(resource.name[0].given, ['Anna']);
  strictEqual(resource.birthDate, '1961-04-12');
  strictEqual(resource.gender, 'female');
  const found = resource.identifier.map((each) => `${each.system}|${each.value}`).sort();
  deepStrictEqual(found, [`${told.system}|${annasId}`, `${told.other}|${annasOtherId}`].sort());
  return found.join(', ');
}

const checks = {
  async capabilities() {
    const capabilities = await client.capabilityStatement();
    strictEqual(capabilities.fhirVersion, '4.0.1');
    const offered = capabilities.rest[0].resource.find((each) => each.type === 'Patient');
    const operations = offered.operation.map((each) => each.name);
    ok(operations.includes('ihe-pix') && operations.includes('match'), operations.join());
    ok(offered.conditionalUpdate);
    return operations.join();
  },
  async 'ITI-104 a new patient'() {
    const answer = await put(anna(), annasId);
    strictEqual(status(answer), 201);
    const location = Client.httpFor(answer).response.headers.get('location');
    logicalId = /Patient\/([^/]+)/.exec(location)[1];
    return location;
  },
  async 'ITI-104 the same again'() {
    strictEqual(status(await put(anna(), annasId)), 200);
    return '200';
  },
  async 'ITI-104 a second patient of the name'() {
    strictEqual(status(await put(patient(bertasId, 'Berta', { birthDate: '1982-11-30' }), bertasId)), 201);
    return '201';
  },
  'ITI-104 domain that nobody knows': () =>
    refused(403, 'forbidden', () =>
      put(patient(annasId, 'Anna', { identifier: [{ system: NOWHERE, value: annasId }] }), annasId, NOWHERE),
    ),
  'ITI-104 without a name'() {
    const value = fresh();
    return refused(422, 'required', () => put(patient(value, 'Anna', { name: undefined }), value));
  },
  async 'ITI-83 by GET'() {
    const found = await crossReference({ sourceIdentifier: `${told.system}|${annasId}` });
    deepStrictEqual(
      found.parameter.map((each) => [each.name, each.valueIdentifier.system, each.valueIdentifier.value]),
      [['targetIdentifier', told.other, annasOtherId]],
    );
    return annasOtherId;
  },
  async 'ITI-83 by POST'() {
    const parameter = [
      { name: 'sourceIdentifier', valueString: `${told.other}|${annasOtherId}` },
      { name: 'targetSystem', valueUri: told.system },
    ];
    const found = await crossReference({ resourceType: 'Parameters', parameter }, 'POST');
    deepStrictEqual(
      found.parameter.map((each) => each.valueIdentifier.value),
      [annasId],
    );
    return annasId;
  },
  async 'ITI-83 nothing in the domain wanted'() {
    const found = await crossReference({
      sourceIdentifier: `${told.system}|${bertasId}`,
      targetSystem: told.other,
    });
    strictEqual(found.resourceType, 'Parameters');
    strictEqual(found.parameter, undefined);
    return 'none';
  },
  'ITI-83 unknown identifier': () =>
    refused(404, 'not-found', () => crossReference({ sourceIdentifier: `${told.system}|${fresh()}` })),
  'ITI-83 unknown domain': () =>
    refused(400, 'code-invalid', () => crossReference({ sourceIdentifier: `${NOWHERE}|${annasId}` })),
  'ITI-83 unknown domain wanted': () =>
    refused(403, 'code-invalid', () =>
      crossReference({ sourceIdentifier: `${told.system}|${annasId}`, targetSystem: NOWHERE }),
    ),
  'ITI-78 by name, birth and gender': async () =>
    isAnna(await find({ family, birthdate: '1961-04-12', gender: 'female' })),
  'ITI-78 by POST': async () => isAnna(await find({ family, given: 'Anna' }, { postSearch: true })),
  'ITI-78 by identifier': async () => isAnna(await find({ identifier: `${told.other}|${annasOtherId}` })),
  async 'ITI-78 pages'() {
    const seen = [];
    let page = await find({ family, _count: 1 });
    while (page !== undefined) {
      strictEqual(page.total, 2);
      strictEqual(page.entry.length, 1);
      seen.push(page.entry[0].resource.name[0].given[0]);
      page = await client.nextPage({ bundle: page });
    }
    deepStrictEqual(seen.sort(), ['Anna', 'Berta']);
    return seen.join();
  },
  async 'ITI-78 nobody'() {
    const found = await find({ family: `Nobody${letters()}` });
    strictEqual(found.total, 0);
    strictEqual(found.entry, undefined);
    return '0';
  },
  async 'ITI-78 read'() {
    const found = await client.read({ resourceType: 'Patient', id: logicalId });
    strictEqual(found.id, logicalId);
    deepStrictEqual(found.name[0].given, ['Anna']);
    return logicalId;
  },
  'ITI-78 read what is not there': () =>
    refused(404, 'not-found', () => client.read({ resourceType: 'Patient', id: '999999999' })),
  async 'ITI-119 graded'() {
    const found = await match([
      { name: 'resource', resource: patient(annasId, 'Anna') },
      { name: 'count', valueInteger: 5 },
    ]);
    const { resource, search } = found.entry[0];
    deepStrictEqual(resource.name[0].given, ['Anna']);
    strictEqual(search.extension.find((each) => each.url === GRADE).valueCode, 'certain');
    ok(search.score > 0.9 && search.score <= 1, `score ${search.score}`);
    return `certain ${search.score}`;
  },
  async 'ITI-119 only who is certain'() {
    const found = await match([
      { name: 'resource', resource: patient(annasId, 'Anna') },
      { name: 'onlyCertainMatches', valueBoolean: true },
    ]);
    strictEqual(found.entry.length, 1);
    return '1';
  },
  'ITI-119 too little to look for': () =>
    refused(400, 'too-costly', () =>
      match([{ name: 'resource', resource: { resourceType: 'Patient', gender: 'female' } }]),
    ),
  async 'ITI-104 resolution of a duplicate'() {
    await put(patient(annasDouble, 'Anna'), annasDouble);
    const survivor = { type: 'replaced-by', other: { identifier: { system: told.system, value: annasId } } };
    strictEqual(status(await put(patient(annasDouble, 'Anna', { active: false, link: [survivor] }), annasDouble)), 200);
    return refused(404, 'not-found', () => crossReference({ sourceIdentifier: `${told.system}|${annasDouble}` }));
  },
  async 'ITI-104 removal'() {
    const which = encodeURIComponent(`${told.system}|${bertasId}`);
    strictEqual(status(await client.request(`Patient?identifier=${which}`, { method: 'DELETE' })), 204);
    return refused(404, 'not-found', () => crossReference({ sourceIdentifier: `${told.system}|${bertasId}` }));
  },
};

let failed = 0;
for (const [check, run] of Object.entries(checks)) {
  let line;
  try {
    line = { check, ok: true, detail: await run() };
  } catch (error) {
    failed += 1;
    const cause = error.cause === undefined ? '' : ` <- ${error.cause}`;
    const data = error.response === undefined ? '' : ` ${JSON.stringify(error.response.data)}`;
    line = { check, ok: false, detail: `${error}${cause}${data}` };
  }
  console.log(JSON.stringify(line));
}
process.exit(failed === 0 ? 0 : 1);
