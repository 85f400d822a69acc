// An SMSC by the npm package `smpp`, whose codec is not ours: what it takes it says on standard output, a line each.
// Run by tests/integration/test_smpp_interop.py with NODE_PATH set; standard input tells it what to deliver.
"use strict";
const readline = require("node:readline");
const smpp = require("smpp");

const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const joined = new Map();
let bound = null;
let number = 0;

function textOf(pdu) {
  const told = pdu.short_message;
  const text = told && told.message !== undefined ? told.message : told;
  const header = told && told.udh ? told.udh : null;
  return [Buffer.isBuffer(text) ? text.toString("latin1") : String(text), header];
}

function partOf(header) {
  const elements = Array.isArray(header) ? header : [];
  for (const element of elements) {
    const octets = Buffer.isBuffer(element) ? element : null;
    if (octets !== null && octets.length === 5 && octets[0] === 0) {
      return { reference: octets[2], parts: octets[3], part: octets[4] };
    }
  }
  return null;
}

function take(session, pdu) {
  number += 1;
  const [text, header] = textOf(pdu);
  const place = partOf(header);
  const id = "id-" + number;
  if (pdu.destination_addr.endsWith("58")) {
    session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
    return;
  }
  session.send(pdu.response({ message_id: id }));
  const told = {
    id, to: pdu.destination_addr, from: pdu.source_addr, ton: pdu.dest_addr_ton, coding: pdu.data_coding,
    registered: pdu.registered_delivery, validity: pdu.validity_period, text,
  };
  if (place === null) {
    say({ taken: told });
    return;
  }
  const key = told.to + ":" + place.reference;
  const pieces = joined.get(key) || [];
  pieces[place.part - 1] = text;
  joined.set(key, pieces);
  if (pieces.filter((piece) => piece !== undefined).length === place.parts) {
    say({ taken: Object.assign(told, { text: pieces.join(""), parts: place.parts }) });
  }
}

const server = smpp.createServer((session) => {
  session.on("error", () => {});
  session.on("bind_transceiver", (pdu) => {
    const known = pdu.password === "secret";
    session.send(pdu.response(known ? { system_id: "node" } : { command_status: smpp.ESME_RINVPASWD }));
    if (known) {
      bound = session;
      say({ bound: pdu.system_id, version: pdu.interface_version });
    }
  });
  session.on("submit_sm", (pdu) => take(session, pdu));
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("unbind", (pdu) => {
    session.send(pdu.response());
    session.close();
    say({ unbound: true });
  });
});

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const wanted = JSON.parse(line);
  bound.deliver_sm(wanted, (answer) => say({ answered: answer.command_status }));
});
server.listen(0, "127.0.0.1", () => say({ port: server.address().port }));
