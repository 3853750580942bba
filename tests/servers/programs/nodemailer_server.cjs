// `nodemailer_server.cjs NODE_MODULES told.json`: keeps each mail in a file, its address on the first line.
const fs = require("node:fs")
const path = require("node:path")

const [modules, facts] = process.argv.slice(2)
const { SMTPServer } = require(path.join(modules, "smtp-server"))
const told = JSON.parse(fs.readFileSync(facts, "utf8"))
let number = 0

function keep(address, raw) {
  const name = `${Date.now()}-${process.pid}-${++number}`
  fs.writeFileSync(path.join(told.partial, name), Buffer.concat([Buffer.from(address + "\n"), raw]))
  fs.renameSync(path.join(told.partial, name), path.join(told.inbox, name))
}

function onData(stream, session, callback) {
  const pieces = []
  stream.on("data", (piece) => pieces.push(piece))
  stream.on("end", () => {
    for (const to of session.envelope.rcptTo) keep(to.address, Buffer.concat(pieces))
    callback(null, "kept")
  })
}

function onAuth(auth, session, callback) {
  const isKnown = auth.method === "PLAIN" && auth.username === told.user && auth.password === told.password
  callback(isKnown ? null : new Error("wrong password"), isKnown ? { user: told.user } : undefined)
}

const shared = {
  name: "mx.example.net",
  key: fs.readFileSync(told.key),
  cert: fs.readFileSync(told.certificate),
  authMethods: ["PLAIN"],
  disableReverseLookup: true,
  logger: false,
  onAuth,
  onData,
}
const ways = { smtp: { authOptional: true }, smtps: { secure: true, authOptional: true }, submission: {} }
for (const [way, port] of Object.entries(told.ports)) {
  const server = new SMTPServer({ ...shared, ...ways[way] })
  server.on("error", (error) => console.error(error.message)) // of one connection
  server.listen(port, "127.0.0.1")
}
