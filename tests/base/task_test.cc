// What Task, TaskGroup, all_of, with_deadline and Semaphore promise: stacks that do not grow with the length of loops,
// errors that end every waiter on the way, cancellation that frees everything.
#include <gtest/gtest.h>

#include "base/sim_executor.h"
#include "base/task_group.h"

namespace gfs {
namespace {

// Counts the objects alive in frames, to show what cancellation frees.
struct Alive {
  explicit Alive(int& counter) : count(&counter) { ++*count; }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
  ~Alive() { --*count; }
  int* count;
};

Task<int> at_once(int value) { co_return value; }

Task<int> later(Executor& executor, int value) {
  co_await executor.sleep(1us);
  co_return value;
}

// Of the frame, not of a local: AddressSanitizer keeps locals on a stack of its own.
Task<std::uintptr_t> stack_address() { co_return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)); }

Task<std::uintptr_t> stack_address_later(Executor& executor) {
  co_await executor.sleep(1us);
  co_return co_await stack_address();
}

// How far the stack moved over a long loop of children.
Task<std::uintptr_t> spread_of_loop(Executor& executor, int rounds, bool suspend) {
  std::uintptr_t low = UINTPTR_MAX;
  std::uintptr_t high = 0;
  for (int i = 0; i < rounds; ++i) {
    std::uintptr_t address = 0;
    if (suspend) {
      address = co_await stack_address_later(executor);
    } else {
      address = co_await stack_address();
    }
    low = std::min(low, address);
    high = std::max(high, address);
  }
  co_return high - low;
}

TEST(Task, LongLoopsOfChildrenDoNotGrowTheStack) {
  for (bool suspend : {false, true}) {
    SimExecutor world;
    Result<std::uintptr_t> spread = world.run(spread_of_loop(world, suspend ? 50'000 : 300'000, suspend));
    ASSERT_TRUE(spread) << spread.error().text();
    EXPECT_LT(*spread, 16'384u) << "suspend=" << suspend;
  }
}

Task<int> deep_failure(Executor& executor, int levels, int& alive, int& passed) {
  Alive here(alive);
  if (levels > 0) {
    int below = co_await deep_failure(executor, levels - 1, alive, passed);
    ++passed;
    co_return below;
  }
  co_await executor.sleep(1ms);
  co_await fail(Code::corrupt, "block {} is torn", 7);
  co_return 0;
}

Task<Code> observe(Executor& executor, int& alive, int& passed, std::string& message) {
  Result<int> outcome = co_await deep_failure(executor, 20, alive, passed).outcome();
  if (outcome) co_return Code::ok;
  message = outcome.error().message;
  co_return outcome.error().code;
}

TEST(Task, AnErrorEndsEveryWaiterUpToTheOneThatLooks) {
  SimExecutor world;
  int alive = 0;
  int passed = 0;
  std::string message;
  Result<Code> code = world.run(observe(world, alive, passed, message));
  ASSERT_TRUE(code);
  EXPECT_EQ(*code, Code::corrupt);
  EXPECT_EQ(message, "block 7 is torn");
  EXPECT_EQ(passed, 0);
  EXPECT_EQ(alive, 0);
}

Task<int> of_a_plain_result(Result<int> given) {
  int value = co_await std::move(given);
  co_return value + 1;
}

TEST(Task, APlainResultIsUnwrapped) {
  SimExecutor world;
  EXPECT_EQ(*world.run(of_a_plain_result(1)), 2);
  Result<int> failed = world.run(of_a_plain_result(fail(Code::conflict, "no")));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::conflict);
}

Task<> hold(Executor& executor, int& alive, int levels) {
  Alive here(alive);
  if (levels > 0) {
    co_await hold(executor, alive, levels - 1);
  } else {
    co_await executor.sleep(1h);
  }
}

TEST(Task, CancellingFreesTheWholeChain) {
  SimExecutor world;
  int alive = 0;
  TaskGroup group;
  bool told = false;
  std::uint64_t id = group.spawn(hold(world, alive, 5), [&told](Result<>) { told = true; });
  EXPECT_EQ(alive, 6);
  group.cancel(id);
  EXPECT_EQ(alive, 0);
  EXPECT_TRUE(group.empty());
  world.run_for(2h);  // the timer rings for nobody
  EXPECT_FALSE(told);
}

Task<> wait_for(Future<void> future, int& alive, int& woken) {
  Alive here(alive);
  co_await std::move(future);
  ++woken;
}

Task<> set_and_cancel(Promise<void> promise, TaskGroup& group, std::uint64_t& id) {
  promise.set({});  // queues the waiter behind this coroutine
  group.cancel(id);
  co_return;
}

TEST(Task, CancellingForgetsAResumptionThatIsQueued) {
  SimExecutor world;
  int alive = 0;
  int woken = 0;
  TaskGroup group;
  TaskGroup other;
  Promise<void> promise;
  std::uint64_t id = group.spawn(wait_for(promise.future(), alive, woken));
  other.spawn(set_and_cancel(std::move(promise), group, id));
  EXPECT_EQ(woken, 0);
  EXPECT_EQ(alive, 0);
  EXPECT_TRUE(other.empty());
}

TEST(Task, ADroppedPromiseCancelsItsWaiter) {
  SimExecutor world;
  Future<int> future = [] {
    Promise<int> promise;
    return promise.future();
  }();
  ASSERT_TRUE(future.ready());
  auto unwrap = [](Future<int> given) -> Task<int> { co_return co_await std::move(given); };
  Result<int> result = world.run(unwrap(std::move(future)));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::cancelled);
}

TEST(TaskGroup, IdleWaitsForAllTasks) {
  SimExecutor world;
  TaskGroup group;
  int sum = 0;
  for (int i = 1; i <= 10; ++i) group.spawn(later(world, i), [&sum](Result<int> value) { sum += *value; });
  EXPECT_EQ(group.size(), 10u);
  ASSERT_TRUE(world.run(group.idle()));
  EXPECT_EQ(sum, 55);
  EXPECT_TRUE(world.run(group.idle()));
}

TEST(TaskGroup, DestroyingItFreesItsTasks) {
  SimExecutor world;
  int alive = 0;
  {
    TaskGroup group;
    for (int i = 0; i < 3; ++i) group.spawn(hold(world, alive, 1));
    EXPECT_EQ(alive, 6);
  }
  EXPECT_EQ(alive, 0);
}

TEST(AllOf, GivesResultsInTheOrderAsked) {
  SimExecutor world;
  std::vector<Task<int>> tasks;
  tasks.push_back(later(world, 1));
  tasks.push_back(at_once(2));
  tasks.push_back(of_a_plain_result(fail(Code::not_found, "third")));
  Result<std::vector<Result<int>>> results = world.run(all_of(std::move(tasks)));
  ASSERT_TRUE(results);
  ASSERT_EQ(results->size(), 3u);
  EXPECT_EQ(*(*results)[0], 1);
  EXPECT_EQ(*(*results)[1], 2);
  EXPECT_EQ((*results)[2].error().code, Code::not_found);
  EXPECT_TRUE(world.run(all_of(std::vector<Task<int>>{}))->empty());
}

TEST(WithDeadline, PassesResultsOnAndEndsWhatIsLate) {
  SimExecutor world;
  Result<int> quick = world.run(with_deadline(world, world.now() + 1s, "quick", later(world, 4)));
  EXPECT_EQ(*quick, 4);
  int alive = 0;
  Instant before = world.now();
  Result<> late = world.run(with_deadline(world, world.now() + 1s, "the late one", hold(world, alive, 2)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::deadline);
  EXPECT_NE(late.error().message.find("the late one"), std::string::npos);
  EXPECT_EQ(world.now() - before, 1s);
  EXPECT_EQ(alive, 0);
}

TEST(Semaphore, ServesInOrderAndSkipsWhoGaveUp) {
  SimExecutor world;
  Semaphore semaphore(2);
  std::string order;
  auto taker = [&](Semaphore& from, char name, std::uint64_t amount) -> Task<> {
    Semaphore::Held held = co_await from.take(amount);
    order += name;
    co_await world.sleep(1s);
  };
  TaskGroup group;
  group.spawn(taker(semaphore, 'a', 2));
  std::uint64_t second = group.spawn(taker(semaphore, 'b', 2));
  group.spawn(taker(semaphore, 'c', 1));
  group.spawn(taker(semaphore, 'd', 1));
  EXPECT_EQ(order, "a");
  EXPECT_EQ(semaphore.waiting(), 3u);
  group.cancel(second);
  ASSERT_TRUE(world.run(group.idle()));
  EXPECT_EQ(order, "acd");
  EXPECT_EQ(semaphore.available(), 2u);
  EXPECT_EQ(semaphore.waiting(), 0u);
}

TEST(Semaphore, CancellingTheFirstWaiterLetsTheNextOneIn) {
  SimExecutor world;
  Semaphore semaphore(1);
  bool small_one_in = false;
  auto taker = [&](Semaphore& from, std::uint64_t amount, bool& in) -> Task<> {
    Semaphore::Held held = co_await from.take(amount);
    in = true;
  };
  bool large_one_in = false;
  TaskGroup group;
  std::uint64_t large = group.spawn(taker(semaphore, 5, large_one_in));
  group.spawn(taker(semaphore, 1, small_one_in));
  EXPECT_FALSE(small_one_in);
  group.cancel(large);
  EXPECT_TRUE(small_one_in);
  EXPECT_FALSE(large_one_in);
  EXPECT_EQ(semaphore.available(), 1u);
}

TEST(Semaphore, WhatIsHeldMayOutliveIt) {
  SimExecutor world;
  auto semaphore = std::make_unique<Semaphore>(1);
  Result<Semaphore::Held> held = world.run(semaphore->take(1));
  ASSERT_TRUE(held);
  semaphore.reset();
  held->release();
}

}  // namespace
}  // namespace gfs
