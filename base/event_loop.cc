#include "base/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "base/check.h"

namespace gfs {

namespace {

// The timers run on CLOCK_BOOTTIME, epoll's timeout does not: after a suspend no timer is later than this.
constexpr Duration kLongestSleep = 1s;

// Cancelled timers stay in the heap until they outnumber the live ones, and there are this many of them.
constexpr std::size_t kCancelledKept = 64;

Duration read_clock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) { CHECK(number >= 0, "the kernel gives the loop its descriptors"); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(number_); }
  int number() const { return number_; }

 private:
  int number_;
};

// Timers in the order of (instant, sequence). A callback lives in a slot; its id is the slot's number and how often the
// slot has been used, so an id of a timer that ran or was cancelled names nothing.
class TimerHeap {
 public:
  TimerId add(Instant when, Callback callback) {
    std::uint32_t number;
    if (free_.empty()) {
      number = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      number = free_.back();
      free_.pop_back();
    }
    Slot& slot = slots_[number];
    slot.callback = std::move(callback);
    TimerId id = static_cast<TimerId>(slot.uses) << 32 | number;
    heap_.push_back({std::max(when, round_), ++last_sequence_, id});
    std::push_heap(heap_.begin(), heap_.end(), Later{});
    return id;
  }

  // Gives the callback back, for the caller to destroy: its destructor may come here again.
  Callback remove(TimerId id) {
    Callback callback = take(id);
    if (callback && ++cancelled_ > kCancelledKept && cancelled_ > heap_.size() / 2) {
      std::erase_if(heap_, [this](const Entry& entry) { return !live(entry.id); });
      std::make_heap(heap_.begin(), heap_.end(), Later{});
      cancelled_ = 0;
    }
    return callback;
  }

  // When the first timer is due; false if there is none.
  bool next(Instant& when) {
    drop_cancelled();
    if (heap_.empty()) return false;
    when = heap_.front().when;
    return true;
  }

  // A round runs the timers that are due by then. Those set while it lasts, even for the past, come behind all of them.
  void begin_round(Instant by) {
    round_ = by;
    round_sequence_ = last_sequence_;
  }
  // The round's next timer; empty if there is none.
  Callback take_due() {
    drop_cancelled();
    if (heap_.empty() || heap_.front().when > round_ || heap_.front().sequence > round_sequence_) return {};
    TimerId id = heap_.front().id;
    pop();
    return take(id);
  }

  bool empty() const { return heap_.empty(); }
  Callback take_any() {
    TimerId id = heap_.front().id;
    pop();
    return take(id);
  }

 private:
  struct Slot {
    std::uint32_t uses = 1;  // never 0: no id is 0
    Callback callback;
  };
  struct Entry {
    Instant when;
    std::uint64_t sequence;
    TimerId id;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
    }
  };

  static std::uint32_t number_of(TimerId id) { return static_cast<std::uint32_t>(id); }
  bool live(TimerId id) const {
    return number_of(id) < slots_.size() && slots_[number_of(id)].uses == id >> 32 && slots_[number_of(id)].callback;
  }
  Callback take(TimerId id) {
    if (!live(id)) return {};
    Slot& slot = slots_[number_of(id)];
    Callback callback = std::move(slot.callback);
    slot.callback = nullptr;
    if (++slot.uses == 0) slot.uses = 1;
    free_.push_back(number_of(id));
    return callback;
  }
  void pop() {
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    heap_.pop_back();
  }
  void drop_cancelled() {
    while (!heap_.empty() && !live(heap_.front().id)) {
      pop();
      --cancelled_;
    }
  }

  std::uint64_t last_sequence_ = 0;
  Instant round_{};
  std::uint64_t round_sequence_ = 0;
  std::size_t cancelled_ = 0;  // entries of the heap whose timer was cancelled
  std::vector<Entry> heap_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace

struct EventLoop::Parts {
  struct Watch {
    int descriptor = -1;
    std::shared_ptr<std::function<void()>> readable;  // shared: it may unwatch itself while it runs
  };

  Parts() : epoll(epoll_create1(EPOLL_CLOEXEC)), wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = 0;
    CHECK(epoll_ctl(epoll.number(), EPOLL_CTL_ADD, wake.number(), &event) == 0, "the loop watches its own eventfd");
  }

  bool stopping() const { return stop.load(std::memory_order_acquire); }
  // Async-signal-safe. A full eventfd counter wakes the loop too, so the result does not matter.
  void wake_up() const {
    std::uint64_t one = 1;
    [[maybe_unused]] ssize_t written = write(wake.number(), &one, sizeof one);
  }

  void run_posted() {
    for (std::size_t left = posted.size(); left > 0 && !stopping(); --left) {
      Callback callback = std::move(posted.front());
      posted.pop_front();
      callback();
    }
  }
  void run_timers(Instant by) {
    timers.begin_round(by);
    while (!stopping()) {
      Callback callback = timers.take_due();
      if (!callback) return;
      callback();
    }
  }
  bool run_hooks() {
    bool busy = false;
    HookId last = 0;
    for (auto hook = hooks.begin(); hook != hooks.end(); hook = hooks.upper_bound(last)) {
      last = hook->first;
      std::shared_ptr<std::function<bool()>> work = hook->second;
      busy = (*work)() || busy;
    }
    return busy;
  }
  void collect_foreign() {
    std::uint64_t count = 0;
    [[maybe_unused]] ssize_t got = read(wake.number(), &count, sizeof count);
    std::vector<Callback> arrived;
    {
      std::lock_guard lock(foreign_mutex);
      arrived.swap(foreign);
    }
    for (Callback& callback : arrived) posted.push_back(std::move(callback));
  }

  // How long to sleep at most; -1: until something happens.
  int timeout_ms(bool busy, Instant now) {
    if (busy || !posted.empty()) return 0;
    Instant when;
    if (!timers.next(when)) return -1;
    if (when <= now) return 0;
    Duration sleep = std::min(when - now, kLongestSleep);
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(sleep).count());
  }

  void note_stall(Duration stall) { longest_stall = std::max(longest_stall, stall); }

  Descriptor epoll;
  Descriptor wake;
  std::atomic<bool> stop = false;
  static_assert(std::atomic<bool>::is_always_lock_free, "stop() is for signal handlers too");

  std::deque<Callback> posted;
  TimerHeap timers;
  std::map<WatchId, Watch> watches;
  std::map<HookId, std::shared_ptr<std::function<bool()>>> hooks;
  std::uint64_t last_id = 0;
  Duration longest_stall{};

  std::mutex foreign_mutex;
  std::vector<Callback> foreign;  // guarded by foreign_mutex
};

EventLoop::EventLoop() : parts_(std::make_unique<Parts>()) {}

// What is still queued is destroyed, not run; destroying it may queue more.
EventLoop::~EventLoop() {
  while (true) {
    parts_->collect_foreign();
    if (!parts_->posted.empty()) {
      Callback dropped = std::move(parts_->posted.front());
      parts_->posted.pop_front();
    } else if (!parts_->timers.empty()) {
      Callback dropped = parts_->timers.take_any();
    } else {
      break;
    }
  }
}

Instant EventLoop::now() const { return Instant(read_clock(CLOCK_BOOTTIME)); }

WallMs EventLoop::wall_now() const { return to_ms(read_clock(CLOCK_REALTIME)); }

void EventLoop::post(Callback callback) { parts_->posted.push_back(std::move(callback)); }

TimerId EventLoop::at(Instant when, Callback callback) {
  CHECK(callback, "a timer calls something");
  return parts_->timers.add(when, std::move(callback));
}

void EventLoop::cancel(TimerId timer) { Callback dropped = parts_->timers.remove(timer); }

void EventLoop::post_from_any_thread(Callback callback) {
  bool first;
  {
    std::lock_guard lock(parts_->foreign_mutex);
    first = parts_->foreign.empty();
    parts_->foreign.push_back(std::move(callback));
  }
  if (first) parts_->wake_up();
}

void EventLoop::run() {
  Instant looked = now();
  std::array<epoll_event, 128> events;
  while (!parts_->stopping()) {
    parts_->run_posted();
    parts_->run_timers(looked);
    if (parts_->stopping()) break;
    bool busy = parts_->run_hooks();
    Instant before = now();
    parts_->note_stall(before - looked);
    int timeout = parts_->timeout_ms(busy, before);
    int count = epoll_wait(parts_->epoll.number(), events.data(), static_cast<int>(events.size()), timeout);
    CHECK(count >= 0 || errno == EINTR, "epoll_wait only fails by interruption");
    looked = now();
    if (timeout >= 0) parts_->note_stall(looked - before - std::chrono::milliseconds(timeout));
    for (int i = 0; i < count; ++i) {  // all of them, even when stopping: an edge is told once
      WatchId id = events[static_cast<std::size_t>(i)].data.u64;
      if (id == 0) {
        parts_->collect_foreign();
        continue;
      }
      auto found = parts_->watches.find(id);
      if (found == parts_->watches.end()) continue;  // unwatched by a callback of this round
      std::shared_ptr<std::function<void()>> readable = found->second.readable;
      (*readable)();
    }
  }
  parts_->stop.store(false, std::memory_order_release);
}

void EventLoop::stop() {
  parts_->stop.store(true, std::memory_order_release);
  parts_->wake_up();
}

EventLoop::WatchId EventLoop::watch(int descriptor, bool edge_triggered, std::function<void()> readable) {
  WatchId id = ++parts_->last_id;
  epoll_event event{};
  event.events = EPOLLIN;
  if (edge_triggered) event.events |= EPOLLET;
  event.data.u64 = id;
  CHECK(epoll_ctl(parts_->epoll.number(), EPOLL_CTL_ADD, descriptor, &event) == 0,
        "a descriptor is open, can be waited for, and is watched once");
  parts_->watches[id] = {descriptor, std::make_shared<std::function<void()>>(std::move(readable))};
  return id;
}

void EventLoop::unwatch(WatchId watch) {
  auto found = parts_->watches.find(watch);
  if (found == parts_->watches.end()) return;
  epoll_ctl(parts_->epoll.number(), EPOLL_CTL_DEL, found->second.descriptor, nullptr);  // gone already if it was closed
  parts_->watches.erase(found);
}

EventLoop::HookId EventLoop::before_sleep(std::function<bool()> work) {
  HookId id = ++parts_->last_id;
  parts_->hooks[id] = std::make_shared<std::function<bool()>>(std::move(work));
  return id;
}

void EventLoop::remove_hook(HookId hook) { parts_->hooks.erase(hook); }

Duration EventLoop::take_longest_stall() { return std::exchange(parts_->longest_stall, {}); }

}  // namespace gfs
