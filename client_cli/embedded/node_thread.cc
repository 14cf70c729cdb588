#include "client_cli/embedded/node_thread.h"

#include "base/log.h"
#include "base/task_group.h"

namespace gfs::embedded {

NodeThread::NodeThread(std::string name, Make make) : name_(std::move(name)) {
  std::promise<Result<>> started;
  started_ = started.get_future().share();
  thread_ = std::thread([this, make = std::move(make), started = std::move(started)]() mutable {
    live(std::move(make), std::move(started));
  });
}

NodeThread::~NodeThread() {
  loop_.post_from_any_thread([this] { loop_.stop(); });
  thread_.join();
}

void NodeThread::live(Make make, std::promise<Result<>> started) {
  Random random(Random::seed_from_machine());
  Result<std::unique_ptr<Node>> node = make(loop_, random);
  Result<> serves = node ? loop_.run((*node)->start()) : Result<>(fail(Error(node.error())));
  if (!serves) serves.error().message = name_ + ": " + serves.error().message;
  bool lives = serves.has_value();
  started.set_value(std::move(serves));
  if (!lives) return;
  loop_.run();
  Task<> stopping = (*node)->stop();
  Result<> stopped = loop_.run(with_deadline(loop_, loop_.now() + kStopDeadline, "stopping", std::move(stopping)));
  if (!stopped) log::warn("stop_failed", {{"node", name_}, {"reason", stopped.error().text()}});
}

}  // namespace gfs::embedded
