#include "chunkserver/staging.h"

namespace gfs::chunkserver {

namespace {

constexpr std::size_t kReleasedMax = 4096;

}  // namespace

Staging::~Staging() {
  if (sweep_timer_) executor_.cancel(*sweep_timer_);
}

Result<> Staging::put(RequestId id, std::uint32_t part, StagedFragment fragment) {
  sweep();
  if (released_.contains(id)) return {};
  const Key key{id, part};
  auto found = entries_.find(key);
  if (found != entries_.end()) {
    const StagedFragment& had = found->second.fragment;
    if (had.handle == fragment.handle && had.offset == fragment.offset && had.digest == fragment.digest &&
        had.bytes.size() == fragment.bytes.size()) {
      return {};
    }
    if (found->second.pinned)
      return fail(Code::conflict, "request {}: other bytes under this id are being written", id);
    erase(found);
  }
  const std::uint64_t size = fragment.bytes.size();
  if (size > bytes_max_ - bytes_) {
    return fail(Code::overloaded, "staging is full: {} of {} bytes wait for their orders", bytes_, bytes_max_);
  }
  bytes_ += size;
  const Instant now = executor_.now();
  entries_[key] = Entry{std::move(fragment), now, false};
  by_age_.emplace(now, key);
  sweep_later();
  wake(key);
  return {};
}

// Telling a waiter may run it at once: the table is in order before.
void Staging::wake(Key key) {
  std::vector<Promise<void>> told;
  auto it = waiting_.lower_bound({key, 0});
  while (it != waiting_.end() && it->first.first == key) {
    told.push_back(std::move(it->second));
    it = waiting_.erase(it);
  }
  for (Promise<void>& waiter : told) waiter.set({});
}

const StagedFragment* Staging::find(RequestId id, std::uint32_t part) const {
  auto found = entries_.find({id, part});
  return found == entries_.end() ? nullptr : &found->second.fragment;
}

Task<StagedFragment> Staging::wait(RequestId id, std::uint32_t part, Instant until) {
  const Key key{id, part};
  while (true) {
    const StagedFragment* fragment = find(id, part);
    if (fragment != nullptr) co_return *fragment;
    released_.erase(id);  // the same request under a new version: it needs its bytes once more
    if (executor_.now() >= until) co_await fail(Code::missing_data, "request {}: its bytes have not come", id);
    Promise<void> promise;
    Future<void> come = promise.future();
    const std::uint64_t number = ++last_waiter_;
    waiting_.emplace(std::pair(key, number), std::move(promise));
    struct Leave {
      Staging& staging;
      Key key;
      std::uint64_t number;
      Executor& executor;
      TimerId timer;
      ~Leave() {
        executor.cancel(timer);
        staging.waiting_.erase({key, number});  // if the waiter went away before it was told
      }
    };
    Leave leave{*this, key, number, executor_, executor_.at(until, [this, key] { wake(key); })};
    co_await std::move(come);
  }
}

void Staging::pin(RequestId id) {
  auto it = entries_.lower_bound({id, 0});
  for (; it != entries_.end() && it->first.first == id; ++it) it->second.pinned = true;
}

void Staging::unpin(RequestId id) {
  auto it = entries_.lower_bound({id, 0});
  for (; it != entries_.end() && it->first.first == id; ++it) it->second.pinned = false;
}

void Staging::release(RequestId id) {
  auto it = entries_.lower_bound({id, 0});
  while (it != entries_.end() && it->first.first == id) erase(it++);
  if (!released_.insert(id).second) return;
  released_order_.push_back(id);
  if (released_order_.size() > kReleasedMax) {
    released_.erase(released_order_.front());
    released_order_.pop_front();
  }
}

// Without a push too, the memory comes back.
void Staging::sweep_later() {
  if (sweep_timer_ || by_age_.empty()) return;
  sweep_timer_ = executor_.at(by_age_.begin()->first + age_max_, [this] {
    sweep_timer_.reset();
    sweep();
    sweep_later();
  });
}

void Staging::sweep() {
  const Instant now = executor_.now();
  while (!by_age_.empty() && by_age_.begin()->first + age_max_ <= now) {
    const auto [since, key] = *by_age_.begin();
    auto found = entries_.find(key);
    if (found == entries_.end() || found->second.since != since) {
      by_age_.erase(by_age_.begin());
    } else if (found->second.pinned) {
      by_age_.erase(by_age_.begin());
      found->second.since = now;
      by_age_.emplace(now, key);
    } else {
      erase(found);
    }
  }
}

void Staging::erase(std::map<Key, Entry>::iterator entry) {
  bytes_ -= entry->second.fragment.bytes.size();
  auto [first, last] = by_age_.equal_range(entry->second.since);
  for (auto it = first; it != last; ++it) {
    if (it->second == entry->first) {
      by_age_.erase(it);
      break;
    }
  }
  entries_.erase(entry);
}

}  // namespace gfs::chunkserver
