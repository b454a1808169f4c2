// mailparser of Node.js. A message a line in base64; an answer a line in JSON (see reader.py).
const { simpleParser } = require('mailparser');
const lines = require('readline').createInterface({ input: process.stdin });

const QUIET = { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true, skipTextLinks: true };

function addresses(list) {
    return (list || []).flatMap(one => (one.group ? addresses(one.group) : [one.address]));
}

async function read(message) {
    const mail = await simpleParser(message, QUIET);
    const shown = [];
    if (mail.text) shown.push(['text/plain', null, Buffer.from(mail.text).toString('base64')]);
    if (mail.html) shown.push(['text/html', null, Buffer.from(mail.html).toString('base64')]);
    for (const one of mail.attachments) {
        shown.push([one.contentType, one.filename || null, one.content.toString('base64')]);
    }
    const from = [].concat(mail.from || []);
    return { shown: [shown], authors: from.map(field => addresses(field.value)) };
}

async function serve() {
    console.log('ready');
    for await (const line of lines) {
        const answer = await read(Buffer.from(line, 'base64')).catch(error => ({ shown: [[['error', null, '']]], authors: [] }));
        console.log(JSON.stringify(answer));
    }
}

serve();
