#include "base/task.h"

#include <deque>

namespace gfs::detail {

namespace {

// The thread's coroutines that may go on. While one runs, others only queue here; whoever finds the queue idle empties
// it. So a resumed coroutine never stands on another one's stack.
struct ReadyQueue {
  std::deque<Frame*> frames;  // nullptr where a frame was destroyed while it waited here
  bool running = false;
};

ReadyQueue& ready_queue() {
  thread_local ReadyQueue queue;
  return queue;
}

}  // namespace

void schedule(Frame* frame) {
  CHECK(!frame->queued, "a coroutine is resumed once at a time");
  ReadyQueue& queue = ready_queue();
  frame->queued = true;
  queue.frames.push_back(frame);
  if (queue.running) return;
  queue.running = true;
  while (!queue.frames.empty()) {
    Frame* next = queue.frames.front();
    queue.frames.pop_front();
    if (next == nullptr) continue;
    next->queued = false;
    if (next->finished) {
      std::move_only_function<void()> done = std::move(next->on_finished);
      done();  // usually destroys the frame
    } else {
      next->handle.resume();
    }
  }
  queue.running = false;
}

void forget(Frame* frame) {
  for (Frame*& queued : ready_queue().frames) {
    if (queued == frame) queued = nullptr;
  }
}

void finish(Frame* frame) {
  frame->finished = true;
  while (true) {
    if (frame->on_finished) {
      schedule(frame);
      return;
    }
    if (!frame->armed) return;  // the parent started us inside its co_await and looks for itself, or nobody waits
    Frame* parent = frame->waiter;
    frame->armed = false;
    if (!frame->propagates || !frame->failed()) {
      schedule(parent);
      return;
    }
    parent->fail_with(frame->take_error());
    parent->finished = true;
    frame = parent;
  }
}

}  // namespace gfs::detail
