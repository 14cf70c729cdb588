// bus_bench [SECONDS]: what the bus costs between two processes over tcp on loopback. Prints one line per figure;
// nothing is asserted.
//
//   echo NxM   N clients with M calls in flight each: calls/s, and CPU microseconds per call of both processes
//   push       1 MiB fragments with 8 MiB unacknowledged, next to a plain TCP connection moving the same pieces
#include <arpa/inet.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/units.h"
#include "bus/endpoint.h"
#include "bus/messages/client_master.h"
#include "bus/zmq_bus.h"
#include "bus/zmq_context.h"
#include "tests/bench/processes.h"

namespace gfs::bench {
namespace {

using bus::Address;

using bus::Frames;
using bus::Peer;

constexpr std::size_t kPiece = MiB;
constexpr std::uint64_t kWindow = 8 * MiB;

// Runs `serve` in a child process, which says its address with `ready` and ends when the object goes.
class Child {
 public:
  explicit Child(const std::function<void(int end, std::function<void(Address)> ready)>& serve) {
    int say[2], end[2];
    if (pipe(say) != 0 || pipe(end) != 0) std::abort();
    child_ = fork();
    if (child_ == 0) {
      close(say[0]);
      close(end[1]);
      serve(end[0], [&](Address address) {
        if (write(say[1], address.data(), address.size()) < 0) std::abort();
        close(say[1]);
      });
      _exit(0);
    }
    close(say[1]);
    close(end[0]);
    end_ = end[1];
    char text[200];
    for (ssize_t got; (got = read(say[0], text, sizeof text)) > 0;)
      address_.append(text, static_cast<std::size_t>(got));
    close(say[0]);
  }
  // Ends it; gives the CPU seconds of its whole life.
  double finish() {
    close(end_);
    rusage used{};
    wait4(child_, nullptr, 0, &used);
    auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
  }
  const Address& address() const { return address_; }

 private:
  pid_t child_ = -1;
  int end_ = -1;
  Address address_;
};

// ---- echo

struct StatService {
  Task<bus::FileInfo> stat(bus::Stat ask, bus::Caller) {
    bus::FileInfo info;
    info.path = std::move(ask.path);
    info.size = 4096;
    info.replicas = 3;
    co_return info;
  }
};

void serve_echo(int end, const std::function<void(Address)>& ready) {
  EventLoop loop;
  Random random(1);
  bus::ZmqBus bus(loop, random);
  bus::Endpoint endpoint(loop, random, bus, {.role = bus::kMaster, .program = "bus_bench"});
  StatService service;
  endpoint.serve<&StatService::stat>(service);
  ready(bus.listen({.control = "tcp://127.0.0.1:0"}).value().control);
  loop.watch(end, false, [&] { loop.stop(); });
  loop.run();
  endpoint.stop();
}

struct Client {
  explicit Client(EventLoop& loop, std::uint64_t seed)
      : random(seed), bus(loop, random), endpoint(loop, random, bus, {.role = bus::kClient, .program = "bus_bench"}) {}
  Random random;
  bus::ZmqBus bus;
  bus::Endpoint endpoint;
};

Task<> call_until(Client* client, EventLoop* loop, Peer server, Instant end, std::uint64_t* calls) {
  while (loop->now() < end) {
    bus::Stat ask{"/a/path/of/usual/length/file-000001"};
    bus::FileInfo info = co_await client->endpoint.call(server, std::move(ask));
    *calls += info.size == 4096 ? 1 : 0;
  }
}

void echo(unsigned clients, unsigned depth, double seconds) {
  Child server(serve_echo);
  double cpu = own_cpu_seconds();
  EventLoop loop;
  std::vector<std::unique_ptr<Client>> all;
  for (unsigned i = 0; i < clients; ++i) all.push_back(std::make_unique<Client>(loop, i));
  std::uint64_t calls = 0;
  unsigned running = clients * depth;
  Instant start = loop.now();
  Instant end = start + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  TaskGroup group;
  for (auto& client : all) {
    for (unsigned i = 0; i < depth; ++i) {
      auto one_done = [&](Result<> done) {
        if (!done) std::fprintf(stderr, "call: %s\n", done.error().text().c_str());
        if (--running == 0) loop.stop();
      };
      group.spawn(call_until(client.get(), &loop, Peer::at(server.address()), end, &calls), one_done);
    }
  }
  loop.run();
  double took = to_seconds(loop.now() - start);
  double own = own_cpu_seconds() - cpu;
  double theirs = server.finish();
  double n = static_cast<double>(std::max<std::uint64_t>(calls, 1));
  std::printf("echo %ux%-3u %9.0f calls/s   CPU us/call: client %.2f  server %.2f\n", clients, depth, n / took,
              own / n * 1e6, theirs / n * 1e6);
}

// ---- push

struct Silent : bus::Bus::Receiver {
  void on_message(const Peer&, Frames) override {}
  void on_data(Frames) override {}
  void on_event(const Address&, std::string, Frames) override {}
  void on_link_lost(const Peer&, const bus::LinkLoss&) override {}
};

// Pulls, and tells the one who said hello how many bytes have come.
struct Puller final : Silent {
  void on_message(const Peer& from, Frames) override {
    sender = from;
    acknowledge();
  }
  void on_data(Frames frames) override {
    received += frames.payload.size();
    acknowledge();
  }
  void acknowledge() {
    Frames ack{Bytes::of("ack"), Bytes::of(std::to_string(received)), {}};
    if (!bus->send(sender, std::move(ack))) std::fprintf(stderr, "an acknowledgement was not sent\n");
  }
  bus::ZmqBus* bus = nullptr;
  Peer sender;
  std::uint64_t received = 0;
};

void serve_pull(int end, const std::function<void(Address)>& ready) {
  EventLoop loop;
  Random random(1);
  bus::ZmqBus bus(loop, random);
  Puller puller;
  puller.bus = &bus;
  bus.attach(&puller);
  bus::ListenAt at = bus.listen({.control = "tcp://127.0.0.1:0", .data = "tcp://127.0.0.1:0"}).value();
  ready(at.control + " " + at.data);
  loop.watch(end, false, [&] { loop.stop(); });
  loop.run();
}

struct Pusher final : Silent {
  void on_message(const Peer&, Frames frames) override {
    acknowledged = std::strtoull(frames.body.str().c_str(), nullptr, 10);
    push_more();
  }
  void push_more() {
    while (sent < total && sent - acknowledged < kWindow) {
      if (!bus->push(data, {Bytes::of("data"), Bytes::of("piece"), piece})) break;
      sent += piece.size();
    }
    if (acknowledged == total) loop->stop();
  }
  EventLoop* loop = nullptr;
  bus::ZmqBus* bus = nullptr;
  Address data;
  Bytes piece = Bytes::of(std::string(kPiece, 'p'));
  std::uint64_t total = 0, sent = 0, acknowledged = 0;
};

void print_bulk(const char* name, std::uint64_t bytes, double seconds, double sender, double receiver) {
  double gib = static_cast<double>(bytes) / static_cast<double>(GiB);
  std::printf("%-10s %6.2f GiB/s   CPU s/GiB: sender %.3f  receiver %.3f\n", name, gib / seconds, sender / gib,
              receiver / gib);
}

void push(std::uint64_t bytes) {
  Child server(serve_pull);
  double cpu = own_cpu_seconds();
  EventLoop loop;
  Random random(2);
  bus::ZmqBus bus(loop, random);
  Pusher pusher;
  bus.attach(&pusher);
  std::size_t blank = server.address().find(' ');
  pusher.loop = &loop;
  pusher.bus = &bus;
  pusher.data = server.address().substr(blank + 1);
  pusher.total = bytes;
  Frames hello{Bytes::of("hello"), Bytes::of("hello"), {}};
  Instant start = loop.now();
  if (!bus.send(Peer::at(server.address().substr(0, blank)), std::move(hello))) return;
  loop.run();
  double took = to_seconds(loop.now() - start);
  double own = own_cpu_seconds() - cpu;
  print_bulk("push", bytes, took, own, server.finish());
}

void serve_tcp(int, const std::function<void(Address)>& ready) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  if (bind(listener, reinterpret_cast<sockaddr*>(&name), size) != 0 || listen(listener, 1) != 0) std::abort();
  getsockname(listener, reinterpret_cast<sockaddr*>(&name), &size);
  ready(std::to_string(ntohs(name.sin_port)));
  int from = accept(listener, nullptr, nullptr);
  std::string piece(kPiece, '\0');
  while (recv(from, piece.data(), piece.size(), MSG_WAITALL) > 0) continue;
  if (send(from, "k", 1, 0) != 1) std::abort();
}

void tcp(std::uint64_t bytes) {
  Child server(serve_tcp);
  double cpu = own_cpu_seconds();
  int to = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  name.sin_port = htons(static_cast<std::uint16_t>(std::stoi(server.address())));
  if (connect(to, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) std::abort();
  EventLoop clock;
  Instant start = clock.now();
  std::string piece(kPiece, 'p');
  for (std::uint64_t sent = 0; sent < bytes;) {
    ssize_t some = send(to, piece.data(), piece.size(), 0);
    if (some <= 0) std::abort();
    sent += static_cast<std::uint64_t>(some);
  }
  shutdown(to, SHUT_WR);
  char done = 0;
  if (recv(to, &done, 1, 0) != 1) std::abort();
  double took = to_seconds(clock.now() - start);
  double own = own_cpu_seconds() - cpu;
  close(to);
  print_bulk("plain tcp", bytes, took, own, server.finish());
}

// Each figure has processes of its own: a context does not survive a fork.
void alone(const std::function<void()>& work) {
  pid_t child = fork();
  if (child == 0) {
    work();
    std::fflush(stdout);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace gfs::bench

int main(int argc, char** argv) {
  using namespace gfs::bench;
  gfs::bus::tune_memory();
  gfs::bus::raise_descriptor_limit();
  gfs::log::set_level(gfs::log::Level::warn);
  double seconds = argc > 1 ? std::atof(argv[1]) : 3;
  alone([=] { echo(1, 1, seconds); });
  alone([=] { echo(8, 16, seconds); });
  alone([=] { echo(1, 64, seconds); });
  for (int repeat = 0; repeat < 3; ++repeat) {
    alone([] { tcp(3 * gfs::GiB); });
    alone([] { push(3 * gfs::GiB); });
  }
}
