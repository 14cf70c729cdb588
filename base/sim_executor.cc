#include "base/sim_executor.h"

#include <algorithm>
#include <utility>

namespace gfs {

namespace {
constexpr WallMs kFirstWall = 1'767'225'600'000;  // 2026-01-01T00:00:00Z
}

WallMs SimExecutor::wall_now() const { return kFirstWall + to_ms(now_.time_since_epoch()); }

void SimExecutor::post(Callback callback) { queue_.emplace(std::pair{now_, ++last_sequence_}, std::move(callback)); }

TimerId SimExecutor::at(Instant when, Callback callback) {
  TimerId id = ++last_sequence_;
  put(id, when, std::move(callback));
  return id;
}

void SimExecutor::put(TimerId id, Instant when, Callback callback) {
  when = std::max(when, now_);
  timers_.emplace(id, when);
  queue_.emplace(std::pair{when, id}, std::move(callback));
}

void SimExecutor::cancel(TimerId timer) {
  auto found = timers_.find(timer);
  if (found == timers_.end()) return;
  // Destroyed only after the queues are in order: a callback may own promises, and dropping those runs coroutines.
  auto callback = queue_.extract({found->second, timer});
  timers_.erase(found);
}

bool SimExecutor::step() {
  if (queue_.empty()) return false;
  auto next = queue_.extract(queue_.begin());
  timers_.erase(next.key().second);
  now_ = next.key().first;
  ++steps_;
  next.mapped()();
  return true;
}

void SimExecutor::run_until(Instant when) {
  while (!queue_.empty() && queue_.begin()->first.first <= when) step();
  now_ = std::max(now_, when);
}

bool SimExecutor::run_until(const std::function<bool()>& done, Duration limit) {
  Instant last = now_ + limit;
  while (!done()) {
    if (queue_.empty() || queue_.begin()->first.first > last) return false;
    step();
  }
  return true;
}

NodeExecutor::~NodeExecutor() {
  *alive_ = false;
  // Destroyed later: a callback may own promises, and dropping those runs coroutines.
  if (!held_.empty()) world_.post([held = std::move(held_)] {});
}

Instant NodeExecutor::now() const {
  Duration passed = world_.now() - rate_since_world_;
  if (rate_ == 1.0) return rate_since_node_ + passed;
  return rate_since_node_ + Duration(static_cast<Duration::rep>(static_cast<double>(passed.count()) * rate_));
}

WallMs NodeExecutor::wall_now() const { return world_.wall_now() + to_ms(now() - world_.now() - up_ + wall_step_); }

void NodeExecutor::post(Callback callback) {
  world_.post([this, alive = alive_, callback = std::move(callback)]() mutable {
    if (*alive) run(0, std::move(callback));
  });
}

TimerId NodeExecutor::at(Instant when, Callback callback) {
  TimerId id = ++world_.last_sequence_;
  set_timer(id, when, std::move(callback));
  return id;
}

void NodeExecutor::cancel(TimerId timer) {
  for (auto held = held_.begin(); timer != 0 && held != held_.end(); ++held) {
    if (held->id != timer) continue;
    Callback callback = std::move(held->callback);  // destroyed last, as in SimExecutor::cancel
    held_.erase(held);
    return;
  }
  world_.cancel(timer);
}

// The clock may have been slowed since the timer was set, so it looks again before it runs.
void NodeExecutor::set_timer(TimerId id, Instant when, Callback callback) {
  auto ring = [this, alive = alive_, id, when, callback = std::move(callback)]() mutable {
    if (!*alive) return;
    if (now() < when) {
      set_timer(id, when, std::move(callback));
    } else {
      run(id, std::move(callback));
    }
  };
  Duration left = when - now();
  if (rate_ != 1.0 && left > Duration::zero()) {
    left = Duration(static_cast<Duration::rep>(static_cast<double>(left.count()) / rate_) + 1);
  }
  world_.put(id, world_.now() + left, std::move(ring));
}

void NodeExecutor::run(TimerId id, Callback callback) {
  if (paused_) {
    held_.push_back({id, std::move(callback)});
  } else {
    callback();
  }
}

void NodeExecutor::resume() {
  paused_ = false;
  Instant when = world_.now();
  for (std::deque<Held> held = std::exchange(held_, {}); Held & late : held) {
    const TimerId id = late.id != 0 ? late.id : ++world_.last_sequence_;
    // One instant each keeps their order: a timer's number is older than those of what was posted before it rang.
    world_.put(id, when, [this, alive = alive_, id, callback = std::move(late.callback)]() mutable {
      if (*alive) run(id, std::move(callback));
    });
    when += 1ns;
  }
}

void NodeExecutor::set_rate(double rate) {
  CHECK(rate > 0, "a clock goes forward");
  rate_since_node_ = now();
  rate_since_world_ = world_.now();
  rate_ = rate;
}

}  // namespace gfs
