#include "tests/bench/tcp_baseline.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <vector>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/units.h"
#include "tests/bench/processes.h"

namespace gfs::bench {

namespace {

constexpr std::size_t kPiece = 1 * MiB;
constexpr std::size_t kBlock = 64 * KiB;

using Buffer = std::vector<std::uint8_t>;

Buffer noise() {
  Buffer buffer(kPiece);
  std::uint32_t state = 1;
  for (std::uint8_t& byte : buffer) byte = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  return buffer;
}

struct Listener {
  int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  Listener() {
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(socket, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 && listen(socket, 1) == 0, "listening");
    socklen_t size = sizeof at;
    getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size);
  }
  int accept_one() const { return accept(socket, nullptr, nullptr); }
};

int dial(const sockaddr_in& at) {
  int connection = ::socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(connection, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0, "dialling");
  return connection;
}

void send_all(int to, const std::uint8_t* data, std::size_t size) {
  while (size > 0) {
    ssize_t done = send(to, data, size, MSG_NOSIGNAL);
    CHECK(done > 0, "sending");
    data += done;
    size -= static_cast<std::size_t>(done);
  }
}

bool receive_all(int from, std::uint8_t* data, std::size_t size) {
  while (size > 0) {
    ssize_t done = recv(from, data, size, MSG_WAITALL);
    if (done <= 0) return false;
    data += done;
    size -= static_cast<std::size_t>(done);
  }
  return true;
}

std::uint32_t check_blocks(const Buffer& piece) {
  std::uint32_t folded = 0;
  for (std::size_t at = 0; at < piece.size(); at += kBlock) folded ^= crc32c(piece.data() + at, kBlock);
  return folded;
}

// One server of the chain, in its own process.
void serve_chain(const Listener& listener, const sockaddr_in* next, const std::string& path, std::uint64_t size) {
  int from = listener.accept_one();
  int to = next != nullptr ? dial(*next) : -1;
  int file = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
  Buffer piece(kPiece);
  std::uint32_t folded = 0;
  for (std::uint64_t at = 0; at < size; at += kPiece) {
    CHECK(receive_all(from, piece.data(), piece.size()), "receiving");
    if (to >= 0) send_all(to, piece.data(), piece.size());
    folded ^= check_blocks(piece);
    CHECK(pwrite(file, piece.data(), piece.size(), static_cast<off_t>(at)) == static_cast<ssize_t>(piece.size()), "writing");
  }
  CHECK(fdatasync(file) == 0, "syncing");
  std::uint8_t done = static_cast<std::uint8_t>(folded);
  if (to >= 0) CHECK(receive_all(to, &done, 1), "the rest of the chain");
  send_all(from, &done, 1);
  _exit(0);
}

class Stopwatch {
 public:
  Cost stop() const {
    double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    return {wall, own_cpu_seconds() + children_cpu_seconds() - cpu_};
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double cpu_ = own_cpu_seconds() + children_cpu_seconds();
};

}  // namespace

Cost tcp_chain_write(std::uint64_t size, const std::string& directory) {
  Listener listeners[3];
  Buffer piece = noise();
  Stopwatch watch;
  pid_t servers[3];
  std::string paths[3];
  for (int i = 2; i >= 0; --i) {
    paths[i] = directory + "/baseline-" + std::to_string(getpid()) + "-" + std::to_string(i);
    servers[i] = fork();
    if (servers[i] == 0) serve_chain(listeners[i], i < 2 ? &listeners[i + 1].at : nullptr, paths[i], size);
  }
  int to = dial(listeners[0].at);
  for (std::uint64_t at = 0; at < size; at += kPiece) send_all(to, piece.data(), piece.size());
  std::uint8_t done = 0;
  CHECK(receive_all(to, &done, 1), "the chain's answer");
  close(to);
  for (pid_t server : servers) waitpid(server, nullptr, 0);
  Cost cost = watch.stop();
  for (const Listener& listener : listeners) close(listener.socket);
  for (const std::string& path : paths) unlink(path.c_str());
  return cost;
}

Cost tcp_read(std::uint64_t size, const std::string& directory) {
  std::string path = directory + "/baseline-read-" + std::to_string(getpid());
  int file = open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR, 0644);
  Buffer piece = noise();
  std::uint32_t expected = check_blocks(piece);
  for (std::uint64_t at = 0; at < size; at += kPiece) {
    CHECK(pwrite(file, piece.data(), piece.size(), static_cast<off_t>(at)) == static_cast<ssize_t>(piece.size()), "writing");
  }
  Listener listener;
  Stopwatch watch;
  pid_t server = fork();
  if (server == 0) {
    int to = listener.accept_one();
    for (std::uint64_t at = 0; at < size; at += kPiece) {
      CHECK(pread(file, piece.data(), piece.size(), static_cast<off_t>(at)) == static_cast<ssize_t>(piece.size()), "reading");
      CHECK(check_blocks(piece) == expected, "the bytes are the ones written");
      send_all(to, piece.data(), piece.size());
    }
    _exit(0);
  }
  int from = dial(listener.at);
  for (std::uint64_t at = 0; at < size; at += kPiece) CHECK(receive_all(from, piece.data(), piece.size()), "receiving");
  close(from);
  waitpid(server, nullptr, 0);
  Cost cost = watch.stop();
  close(listener.socket);
  close(file);
  unlink(path.c_str());
  return cost;
}

}  // namespace gfs::bench
