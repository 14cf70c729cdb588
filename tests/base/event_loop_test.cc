// EventLoop keeps an Executor's promises in real time: order of callbacks and timers, cancellation, results brought
// home by other threads, descriptors, hooks before sleep, and being stopped from anywhere, a signal handler included.
#include "base/event_loop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

namespace gfs {
namespace {

// Stops the loop when the test's deadline passes, so that a lost wake-up fails instead of hanging.
class LoopTest : public testing::Test {
 protected:
  void run() {
    TimerId watchdog = loop_.after(5s, [this] {
      ADD_FAILURE() << "nothing stopped the loop in time";
      loop_.stop();
    });
    loop_.run();
    loop_.cancel(watchdog);
  }

  EventLoop loop_;
};

TEST_F(LoopTest, PostedCallbacksRunInOrderAndNeverInsidePost) {
  std::string story;
  loop_.post([&] {
    story += "a";
    loop_.post([&] {
      story += "c";
      loop_.stop();
    });
    story += "(a ends)";
  });
  loop_.post([&] { story += "b"; });
  EXPECT_EQ(story, "");
  run();
  EXPECT_EQ(story, "a(a ends)bc");
}

TEST_F(LoopTest, TimersRunByInstantThenByOrderOfSetting) {
  Instant start = loop_.now();
  std::string story;
  loop_.at(start + 20ms, [&] {
    story += "d";
    loop_.stop();
  });
  loop_.at(start + 10ms, [&] { story += "b"; });
  loop_.at(start + 10ms, [&] { story += "c"; });
  loop_.at(start - 1s, [&] { story += "a"; });
  run();
  EXPECT_EQ(story, "abcd");
  EXPECT_GE(loop_.now() - start, 20ms);
}

TEST_F(LoopTest, TimersSetByATimerForThePastDoNotStarveTheRest) {
  int rounds = 0;
  bool stopped = false;
  std::function<void()> again = [&] {
    ++rounds;
    if (!stopped) loop_.at(loop_.now() - 1s, [&] { again(); });
  };
  again();
  loop_.after(1ms, [&] {
    stopped = true;
    loop_.stop();
  });
  Instant start = loop_.now();
  run();
  EXPECT_GT(rounds, 1);
  EXPECT_LT(loop_.now() - start, 500ms);
}

TEST_F(LoopTest, CancelledTimersDoNotRunAndOldIdsNameNothing) {
  std::string story;
  TimerId early = loop_.after(1ms, [&] { story += "early"; });
  loop_.cancel(early);
  TimerId next = loop_.after(1ms, [&] { story += "next"; });
  EXPECT_NE(early, next);
  loop_.cancel(early);  // must not hit the timer that took its place
  loop_.cancel(0);
  loop_.after(5ms, [&] { loop_.stop(); });
  run();
  EXPECT_EQ(story, "next");
  loop_.cancel(next);
}

TEST_F(LoopTest, ManyCancelledTimersLeaveTheLiveOnesInOrder) {
  std::vector<int> ran;
  std::vector<TimerId> ids;
  Instant start = loop_.now();
  for (int i = 0; i < 5000; ++i)
    ids.push_back(loop_.at(start + std::chrono::microseconds(i), [&ran, i] { ran.push_back(i); }));
  for (int i = 0; i < 5000; ++i) {
    if (i % 100 != 0) loop_.cancel(ids[static_cast<std::size_t>(i)]);
  }
  loop_.at(start + 6ms, [&] { loop_.stop(); });
  run();
  std::vector<int> expected;
  for (int i = 0; i < 5000; i += 100) expected.push_back(i);
  EXPECT_EQ(ran, expected);
}

TEST_F(LoopTest, OtherThreadsBringResultsHomeEachInItsOrder) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 2000;
  std::vector<int> last(kThreads, -1);
  int arrived = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        loop_.post_from_any_thread([&, t, i] {
          EXPECT_EQ(last[static_cast<std::size_t>(t)], i - 1);
          last[static_cast<std::size_t>(t)] = i;
          if (++arrived == kThreads * kPosts) loop_.stop();
        });
      }
    });
  }
  run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(arrived, kThreads * kPosts);
}

TEST_F(LoopTest, LevelTriggeredWatchIsToldUntilRead) {
  int descriptor = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
  int told = 0;
  EventLoop::WatchId watch = 0;
  watch = loop_.watch(descriptor, false, [&] {
    if (++told < 3) return;  // left unread: told again
    loop_.unwatch(watch);    // from inside its own callback
    loop_.post([&] { loop_.stop(); });
  });
  run();
  EXPECT_EQ(told, 3);
  close(descriptor);
}

TEST_F(LoopTest, EdgeTriggeredWatchIsToldOncePerEdge) {
  int descriptor = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
  int told = 0;
  loop_.watch(descriptor, true, [&] { ++told; });
  loop_.after(10ms, [&] { loop_.stop(); });
  run();
  EXPECT_EQ(told, 1);
  std::uint64_t one = 1;
  ASSERT_EQ(write(descriptor, &one, sizeof one), ssize_t{sizeof one});
  loop_.after(10ms, [&] { loop_.stop(); });
  run();
  EXPECT_EQ(told, 2);
  close(descriptor);
}

TEST_F(LoopTest, HooksAreAskedAgainUntilTheyHaveNothingToDo) {
  int asked = 0;
  EventLoop::HookId hook = loop_.before_sleep([&] {
    ++asked;
    if (asked == 5) loop_.after(0ns, [&] { loop_.stop(); });
    return asked < 5;
  });
  run();
  EXPECT_GE(asked, 5);
  int before = asked;
  loop_.remove_hook(hook);
  loop_.post([&] { loop_.stop(); });
  run();
  EXPECT_EQ(asked, before);
}

TEST_F(LoopTest, AHookMayRemoveItselfAndOthers) {
  EventLoop::HookId second = 0;
  bool second_ran = false;
  EventLoop::HookId first = 0;
  first = loop_.before_sleep([&] {
    loop_.remove_hook(second);
    loop_.remove_hook(first);
    loop_.post([&] { loop_.stop(); });
    return false;
  });
  second = loop_.before_sleep([&] { return second_ran = true; });
  run();
  EXPECT_FALSE(second_ran);
}

TEST_F(LoopTest, StoppedFromAnotherThreadAndRunAgain) {
  for (int i = 0; i < 3; ++i) {
    std::thread stopper([this] { loop_.stop(); });
    run();
    stopper.join();
  }
}

TEST_F(LoopTest, StopKeepsWhatWasPostedForTheNextRun) {
  bool ran = false;
  loop_.post([&] { loop_.stop(); });
  loop_.post([&] {
    ran = true;
    loop_.stop();
  });
  run();
  EXPECT_FALSE(ran);
  run();
  EXPECT_TRUE(ran);
}

EventLoop* loop_of_the_handler = nullptr;

TEST_F(LoopTest, StoppedFromASignalHandler) {
  loop_of_the_handler = &loop_;
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) { loop_of_the_handler->stop(); };
  sigaction(SIGUSR1, &action, &before);
  loop_.post([] { raise(SIGUSR1); });
  run();
  sigaction(SIGUSR1, &before, nullptr);
}

Task<int> later(EventLoop& loop, int value) {
  co_await loop.sleep(2ms);
  if (value < 0) co_await fail(Code::refused, "no negative numbers");
  co_return value;
}

TEST_F(LoopTest, RunsATaskToItsResult) {
  EXPECT_EQ(loop_.run(later(loop_, 7)).value(), 7);
  EXPECT_EQ(loop_.run(later(loop_, -1)).error().code, Code::refused);
}

Task<> for_ever(EventLoop& loop) {
  while (true) co_await loop.sleep(1h);
}

TEST_F(LoopTest, ATaskIsCancelledWhenTheLoopIsStoppedBeforeItsResult) {
  loop_.after(1ms, [&] { loop_.stop(); });
  EXPECT_EQ(loop_.run(for_ever(loop_)).error().code, Code::cancelled);
}

TEST_F(LoopTest, TellsHowLongItStoodStill) {
  loop_.take_longest_stall();
  loop_.post([&] {
    Instant until = loop_.now() + 30ms;
    while (loop_.now() < until) continue;
    loop_.post([&] { loop_.stop(); });
  });
  run();
  EXPECT_GE(loop_.take_longest_stall(), 30ms);
  EXPECT_LT(loop_.take_longest_stall(), 30ms);
}

TEST(EventLoop, DestroysWhatNeverRan) {
  auto kept = std::make_shared<int>(0);
  {
    EventLoop loop;
    loop.post([kept] {});
    loop.after(1h, [kept] {});
    loop.post_from_any_thread([kept] {});
    EXPECT_EQ(kept.use_count(), 4);
  }
  EXPECT_EQ(kept.use_count(), 1);
}

}  // namespace
}  // namespace gfs
