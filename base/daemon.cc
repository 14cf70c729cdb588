#include "base/daemon.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace gfs {

namespace {

EventLoop* signalled_loop = nullptr;

void on_signal(int) { signalled_loop->stop(); }

}  // namespace

int exit_code_of(Code code) {
  switch (code) {
    case Code::ok:
      return 0;
    case Code::invalid_argument:
    case Code::malformed:
      return 2;
    case Code::not_found:
      return 3;
    case Code::already_exists:
    case Code::not_empty:
    case Code::conflict:
    case Code::wrong_cluster:
    case Code::not_formatted:
      return 4;
    case Code::not_allowed:
    case Code::read_only:
      return 5;
    case Code::unreachable:
    case Code::lost_link:
    case Code::deadline:
    case Code::expired:
    case Code::overloaded:
    case Code::not_enough_servers:
    case Code::unavailable:
    case Code::in_use:
    case Code::shutting_down:
      return 6;
    case Code::corrupt:
      return 8;
    case Code::refused:
      return 9;
    default:
      return 1;
  }
}

int complain(std::string_view program, std::string_view what, const Error& error, std::string_view advice) {
  auto size = [](std::string_view text) { return static_cast<int>(text.size()); };
  std::fprintf(stderr, "%.*s: %.*s\n  why: %s\n", size(program), program.data(), size(what), what.data(),
               error.text().c_str());
  if (!advice.empty()) std::fprintf(stderr, "  try: %.*s\n", size(advice), advice.data());
  return exit_code_of(error.code);
}

void stop_on_signals(EventLoop& loop) {
  signalled_loop = &loop;
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

void notify_ready() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path == nullptr || path[0] == '\0' || std::strlen(path) >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, std::strlen(path));
  if (path[0] == '@') address.sun_path[0] = '\0';  // Linux's abstract names
  int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  constexpr std::string_view kReady = "READY=1";
  // Nobody waits for an answer, and a service manager that is gone is no reason to fail.
  [[maybe_unused]] ssize_t sent =
      sendto(socket, kReady.data(), kReady.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address), size);
  close(socket);
}

}  // namespace gfs
