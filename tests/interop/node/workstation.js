// dcmjs-dimse as a workstation: it asks for moves, and receives over plain and TLS listeners.
//
// Started with one argument, JSON: {title, folder, plain, secure, key, cert, ca, modules}. Orders come as lines of JSON on
// standard input; what happens goes out as lines of JSON. Data sets are written as they came off the wire, undecoded.
'use strict';

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { Writable } = require('stream');

const own = JSON.parse(process.argv[2]);
const dimse = require(path.join(own.modules, 'node_modules', 'dcmjs-dimse'));
const { Client, Dataset, Scp, Server, log } = dimse;
const { CMoveRequest } = dimse.requests;
const { CEchoResponse, CStoreResponse } = dimse.responses;
const { PresentationContextResult, Status, TransferSyntax } = dimse.constants;

log.setLevel('error');

const say = (said) => process.stdout.write(JSON.stringify(said) + '\n');
const identity = () => ({ key: fs.readFileSync(own.key), cert: fs.readFileSync(own.cert), ca: fs.readFileSync(own.ca) });
const usual = [TransferSyntax.ExplicitVRLittleEndian, TransferSyntax.ImplicitVRLittleEndian];
let count = 0;

class Kept extends Writable {
  constructor() {
    super();
    this.pieces = [];
  }

  _write(piece, _encoding, done) {
    this.pieces.push(Buffer.from(piece));
    done();
  }
}

class Receiver extends Scp {
  associationRequested(association) {
    this.association = association;
    association.getPresentationContexts().forEach(({ id }) => {
      const context = association.getPresentationContext(id);
      const found = usual.find((one) => context.getTransferSyntaxUids().includes(one));
      if (found) context.setResult(PresentationContextResult.Accept, found);
      else context.setResult(PresentationContextResult.RejectTransferSyntaxesNotSupported);
    });
    this.sendAssociationAccept();
  }

  cEchoRequest(request, callback) {
    const response = CEchoResponse.fromRequest(request);
    response.setStatus(Status.Success);
    callback(response);
  }

  createStoreWritableStream(context) {
    this.syntax = context.getAcceptedTransferSyntaxUid();
    this.kept = new Kept();
    return this.kept;
  }

  createDatasetFromStoreWritableStream(_writable, _context, callback) {
    callback(new Dataset({}));
  }

  cStoreRequest(request, callback) {
    const command = request.getCommandDataset();
    const file = path.join(own.folder, `${(count += 1)}.bin`);
    fs.writeFileSync(file, Buffer.concat(this.kept.pieces));
    say({
      happened: 'stored',
      sop_class: request.getAffectedSopClassUid(),
      sop_instance: request.getAffectedSopInstanceUid(),
      syntax: this.syntax,
      originator: command.getElement('MoveOriginatorApplicationEntityTitle') || '',
      message: command.getElement('MoveOriginatorMessageID'),
      calling: this.association.getCallingAeTitle(),
      called: this.association.getCalledAeTitle(),
      file,
    });
    const response = CStoreResponse.fromRequest(request);
    response.setStatus(Status.Success);
    callback(response);
  }

  associationReleaseRequested() {
    this.sendAssociationReleaseResponse();
  }
}

const listen = (port, options) => {
  const server = new Server(Receiver);
  server.on('networkError', (fault) => say({ happened: 'fault', at: 'receiver', fault: String(fault) }));
  server.listen(port, { pduTimeout: 120000, ...options });
};

const request = ({ destination, study, series, image }) => {
  if (image) return CMoveRequest.createImageMoveRequest(destination, study, series, image);
  if (series) return CMoveRequest.createSeriesMoveRequest(destination, study, series);
  return CMoveRequest.createStudyMoveRequest(destination, study);
};

const move = (order) => {
  const client = new Client();
  const asked = request(order);
  const answers = [];
  const ended = (how) => say({ happened: 'moved', order: order.order, ended: how, answers });
  asked.on('response', (answer) => {
    const data = answer.getDataset();
    answers.push({
      status: answer.getStatus(),
      comment: answer.getErrorComment() || '',
      remaining: answer.getRemaining(),
      completed: answer.getCompleted(),
      warning: answer.getWarnings(),
      failed: answer.getFailures(),
      failures: data ? [].concat(data.getElement('FailedSOPInstanceUIDList') || []) : [],
    });
  });
  let over = false;
  const once = (how) => {
    if (!over) ended(how);
    over = true;
  };
  client.on('closed', () => once('closed'));
  client.on('networkError', (fault) => once(`fault: ${fault}`));
  client.on('associationRejected', () => once('rejected'));
  client.addRequest(asked);
  const security = order.secure ? { securityOptions: { ...identity(), requestCert: true, rejectUnauthorized: true } } : {};
  client.send('localhost', order.port, own.title, order.called, { pduTimeout: 120000, associationLingerTimeout: 0, ...security });
};

listen(own.plain, {});
listen(own.secure, { securityOptions: { ...identity(), requestCert: true, rejectUnauthorized: true } });
readline.createInterface({ input: process.stdin }).on('line', (line) => move(JSON.parse(line))).on('close', () => process.exit(0));
say({ happened: 'ready' });
