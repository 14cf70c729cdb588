#include "client_cli/client/blocking.h"

#include <future>
#include <thread>

#include "base/event_loop.h"
#include "base/random.h"
#include "bus/zmq_bus.h"

namespace gfs::client {

struct Blocking::Parts {
  EventLoop loop;
  Random random{Random::seed_from_machine()};
  // Live and die on the loop's thread.
  std::optional<bus::ZmqBus> bus;
  std::optional<Filesystem> filesystem;
  std::optional<TaskGroup> group;
  std::thread thread;

  void live(Settings settings, std::promise<void>& ready) {
    bus.emplace(loop, random);
    filesystem.emplace(loop, random, *bus, std::move(settings));
    group.emplace();
    ready.set_value();
    loop.run();
    group.reset();
    filesystem.reset();
    bus.reset();
  }
};

Blocking::Blocking(Settings settings) : parts_(std::make_unique<Parts>()) {
  std::promise<void> ready;
  std::future<void> is_ready = ready.get_future();
  Parts* parts = parts_.get();
  parts->thread = std::thread(
      [parts, settings = std::move(settings), &ready]() mutable { parts->live(std::move(settings), ready); });
  is_ready.wait();
}

Blocking::~Blocking() {
  EventLoop& loop = parts_->loop;
  loop.post_from_any_thread([&loop] { loop.stop(); });
  parts_->thread.join();
}

Filesystem& Blocking::filesystem() { return *parts_->filesystem; }
Executor& Blocking::executor() { return parts_->loop; }
TaskGroup& Blocking::group() { return *parts_->group; }
void Blocking::post(Callback callback) { parts_->loop.post_from_any_thread(std::move(callback)); }

}  // namespace gfs::client
