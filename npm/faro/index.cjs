module.exports = require('farol/faro');
