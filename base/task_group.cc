#include "base/task_group.h"

namespace gfs {

Task<> TaskGroup::idle() {
  while (!tasks_.empty()) {
    Future<void> told = idle_waiters_.emplace_back().future();
    co_await std::move(told);
  }
}

void TaskGroup::tell_idle() {
  std::vector<Promise<void>> waiters = std::move(idle_waiters_);
  idle_waiters_.clear();
  for (Promise<void>& waiter : waiters) waiter.set({});
}

void Semaphore::State::hand_out() {
  while (!waiting.empty()) {
    auto first = waiting.begin();
    if (first->second.first > available) return;
    available -= first->second.first;
    Promise<void> who = std::move(first->second.second);
    waiting.erase(first);
    who.set({});
  }
}

void Semaphore::Held::release() {
  if (!state_) return;
  std::shared_ptr<State> state = std::move(state_);
  state->available += std::exchange(amount_, 0);
  state->hand_out();
}

Task<Semaphore::Held> Semaphore::take(std::uint64_t amount) {
  std::shared_ptr<State> state = state_;
  if (state->waiting.empty() && state->available >= amount) {
    state->available -= amount;
    co_return Held(state, amount);
  }
  // Until resumed the place in the queue is ours to give up; afterwards the amount is ours to give back.
  struct Place {
    std::shared_ptr<State> state;
    std::uint64_t ticket;
    std::uint64_t amount;
    bool kept = false;
    ~Place() {
      if (kept) return;
      if (state->waiting.erase(ticket) == 0) {
        state->available += amount;
      }
      state->hand_out();
    }
  };
  Place place{state, ++state->last_ticket, amount};
  Promise<void> promise;
  Future<void> turn = promise.future();
  state->waiting.emplace(place.ticket, std::pair{amount, std::move(promise)});
  co_await std::move(turn);
  place.kept = true;
  co_return Held(state, amount);
}

}  // namespace gfs
