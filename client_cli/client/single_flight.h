// SingleFlight: many who want the answer to one question at the same moment share one asking.
//
// The asking lives in the flight's own group: whoever began it may be cancelled without taking it from the others.
// One thread.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "base/task.h"
#include "base/task_group.h"

namespace gfs::client {

template <class Key, class T>
class SingleFlight {
 public:
  struct Joined {
    Task<T> landing;
    bool own;  // `work` itself began; otherwise the flight may end with another's deadline, earlier than one's own
  };

  // The result of `work`, or of the one already under way for this key (then `work` never starts).
  Joined join(Key key, Task<T> work) {
    auto [flight, first] = waiting_.try_emplace(key);
    Future<T> future = flight->second.emplace_back().future();
    if (first) {
      auto tell = [this, key](Result<T> result) {
        std::vector<Promise<T>> waiting = std::move(waiting_.extract(key).mapped());
        for (Promise<T>& promise : waiting) promise.set(result);
      };
      group_.template spawn<T>(std::move(work), std::move(tell));
    }
    return {wait(std::move(future)), first};
  }

 private:
  static Task<T> wait(Future<T> future) { co_return co_await std::move(future); }

  std::map<Key, std::vector<Promise<T>>> waiting_;
  TaskGroup group_;
};

}  // namespace gfs::client
