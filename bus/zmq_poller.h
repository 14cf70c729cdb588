// ZmqPoller: lets ZeroMQ sockets live on an EventLoop without losing a wake-up.
//
// A socket's ZMQ_FD tells an edge, and any call on the socket may swallow it: a message can then wait while the
// descriptor says nothing (a third of all sends in a measurement). So whoever called a socket says touched(), and
// before the loop sleeps every touched source is asked for its messages until it has seen that there are none.
//
// Owned by ZmqBus; the loop's thread.
#pragma once

#include <memory>
#include <vector>

#include "base/event_loop.h"

namespace gfs::bus {

class ZmqPoller {
 public:
  class Source : public std::enable_shared_from_this<Source> {
   public:
    virtual ~Source() = default;
    // Handles at most `budget` messages. True: there may be more. False: the last call on each of its sockets found
    // nothing to read, so the next edge will be told. May close itself.
    virtual bool handle(std::size_t budget) = 0;

   private:
    friend class ZmqPoller;
    bool touched_ = false;  // stands in the list, or is being handled
  };

  explicit ZmqPoller(EventLoop& loop);
  ZmqPoller(const ZmqPoller&) = delete;
  ZmqPoller& operator=(const ZmqPoller&) = delete;
  ~ZmqPoller();

  EventLoop& loop() { return loop_; }
  void touched(Source& source);

 private:
  bool handle_touched();

  EventLoop& loop_;
  EventLoop::HookId hook_;
  std::vector<std::shared_ptr<Source>> touched_;
  std::vector<std::shared_ptr<Source>> round_;
};

}  // namespace gfs::bus
