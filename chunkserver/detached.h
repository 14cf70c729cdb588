// detached(group, task): awaits a task that goes on when the awaiter is cancelled; it dies with the group only. For
// work that must not stop halfway because a caller's deadline has passed.
#pragma once

#include <type_traits>
#include <utility>

#include "base/task_group.h"

namespace gfs::chunkserver {

template <class T>
Task<T> detached(TaskGroup& group, Task<T> task) {
  Promise<T> promise;
  Future<T> future = promise.future();
  group.spawn(std::move(task),
              [promise = std::move(promise)](Result<T> result) mutable { promise.set(std::move(result)); });
  if constexpr (std::is_void_v<T>) {
    co_await std::move(future);
  } else {
    co_return co_await std::move(future);
  }
}

}  // namespace gfs::chunkserver
