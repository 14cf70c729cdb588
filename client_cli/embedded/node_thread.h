// NodeThread: one node of an embedded cluster on a thread of its own, with its own loop and randomness.
//
//   NodeThread node("master", make);      // begins: make(loop, random), then start(), on the new thread
//   Result<> started = node.started();    // waits for it
//   ~NodeThread                           // stop(), then everything of it goes, on its thread
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "base/event_loop.h"
#include "base/random.h"
#include "base/task.h"

namespace gfs::embedded {

class NodeThread {
 public:
  class Node {
   public:
    virtual ~Node() = default;
    virtual Task<> start() = 0;
    virtual Task<> stop() = 0;
  };
  using Make = std::function<Result<std::unique_ptr<Node>>(EventLoop&, Random&)>;

  NodeThread(std::string name, Make make);
  ~NodeThread();

  // Whether it serves; its error names the node.
  const Result<>& started() { return started_.get(); }

 private:
  static constexpr Duration kStopDeadline = 5s;

  void live(Make make, std::promise<Result<>> started);

  const std::string name_;
  EventLoop loop_;
  std::shared_future<Result<>> started_;
  std::thread thread_;
};

}  // namespace gfs::embedded
