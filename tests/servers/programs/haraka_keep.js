// A plugin of Haraka: one port demands a password, and each mail goes into a file, its address on the first line.
const fs = require('node:fs')
const path = require('node:path')

exports.register = function () {
    this.told = this.config.get('told.json')
    // Else the mails of who has signed in would go out into the world.
    for (const hook of ['queue', 'queue_outbound']) this.register_hook(hook, 'keep')
}

exports.hook_lookup_rdns = function (next) {
    next(OK, 'localhost') // nobody is asked
}

exports.hook_mail = function (next, connection) {
    const isOpen = connection.local.port !== this.told.ports.submission
    if (isOpen || connection.notes.auth_user) return next()
    next(DENY, 'a password is needed here')
}

exports.keep = function (next, connection) {
    const mail = connection.transaction
    const partial = path.join(this.told.partial, mail.uuid)
    const file = fs.createWriteStream(partial)
    file.write(`${mail.rcpt_to[0].address}\n`)
    file.once('close', () => {
        fs.renameSync(partial, path.join(this.told.inbox, mail.uuid))
        next(OK)
    })
    mail.message_stream.pipe(file)
}
