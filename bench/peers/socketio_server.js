// Socket.IO on Node. `node socketio_server.js PORT`
const http = require('http');
const { Server } = require('socket.io');

const server = http.createServer();
const io = new Server(server);
io.on('connection', (socket) => {
  socket.on('publish', (data) => io.emit('message', data));
});
server.listen(Number(process.argv[2]), '127.0.0.1');
