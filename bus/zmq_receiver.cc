#include "bus/zmq_receiver.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bus/address.h"
#include "bus/inproc_registry.h"

namespace gfs::bus {

namespace {

// ZeroMQ closes listening sockets on its own thread, a moment after we said so. A node that is restarted within one
// process meets its own shadow: look again this often before believing that somebody else holds the address.
constexpr int kLooks = 50;
constexpr long kBetweenLooksNs = 2'000'000;

void pause_between_looks() {
  timespec pause{0, kBetweenLooksNs};
  nanosleep(&pause, nullptr);
}

enum class IpcFile { absent, dead, alive, foreign };

IpcFile look_at(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return IpcFile::absent;  // or unreadable: bind will say so
  if (!S_ISSOCK(status.st_mode)) return IpcFile::foreign;
  int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return IpcFile::alive;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), std::min(path.size(), sizeof name.sun_path - 1));
  int connected = ::connect(probe, reinterpret_cast<sockaddr*>(&name), sizeof name);
  int error = errno;
  ::close(probe);
  if (connected == 0) return IpcFile::alive;
  if (error == ENOENT) return IpcFile::absent;
  return error == ECONNREFUSED ? IpcFile::dead : IpcFile::alive;  // unknown is not dead
}

// ZeroMQ itself would unlink whatever lies there, a living server's socket too.
Result<> check_ipc_path(const Address& address) {
  std::string path = after_scheme(address);
  if (path.starts_with('@')) return {};  // an abstract name has no file, and bind refuses a second owner
  for (int look = 1;; ++look) {
    IpcFile file = look_at(path);
    if (file == IpcFile::absent) return {};
    if (file == IpcFile::foreign) return fail(Code::in_use, "cannot listen on {}: the file is not a socket", address);
    if (look < kLooks) {
      pause_between_looks();
      continue;
    }
    if (file == IpcFile::alive) return fail(Code::in_use, "cannot listen on {}: the address is in use", address);
    return {};
  }
}

}  // namespace

Result<> ZmqReceiver::open(int type, const SocketOptions& options) {
  Result<> opened = socket_.open(type, options, [this] { touched(); });
  if (opened) touched();
  return opened;
}

Result<Address> ZmqReceiver::listen(const Address& address) {
  Result<Transport> transport = check_listen_address(address);
  if (!transport) return fail(std::move(transport));
  if (*transport == Transport::ipc) {
    Result<> checked = check_ipc_path(address);
    if (!checked) return fail(std::move(checked));
  }
  Result<Address> bound = socket_.bind(address);
  for (int look = 1; look < kLooks && !bound && bound.error().code == Code::in_use; ++look) {
    pause_between_looks();
    bound = socket_.bind(address);
  }
  if (bound && *transport == Transport::inproc) {
    inproc_ = address;
    InprocRegistry::instance().bound(address);
  }
  touched();
  return bound;
}

void ZmqReceiver::close() {
  if (!inproc_.empty()) {
    socket_.unbind(inproc_);  // at once: somebody may bind the name right after this
    InprocRegistry::instance().unbound(inproc_);
    inproc_.clear();
  }
  socket_.close();
}

bool ZmqReceiver::handle(std::size_t budget) {
  for (; budget > 0; --budget) {
    Parts parts;
    if (!socket_.is_open() || !socket_.receive(parts)) return false;
    take_(parts);
  }
  return true;
}

}  // namespace gfs::bus
