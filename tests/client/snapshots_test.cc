// Snapshots as an application asks for them: patience, ids, pages.
#include "tests/client/fake_cluster.h"

namespace gfs::client::fake {
namespace {

using Snapshots = Cluster;
using Made = bus::CreateSnapshot::Reply;

TEST_F(Snapshots, TakeTheirTime) {
  ASSERT_TRUE(run(fs().stat("/f")));
  master.faults["create_snapshot"] = {{.done = true, .late = 11s}};
  Result<Made> made = run(fs().create_snapshot("/f", "monday"));
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->info.path, "/.snapshots/monday");
  EXPECT_EQ(master.calls["create_snapshot"], 1) << "the master may need 10 s";
}

TEST_F(Snapshots, AreRepeatedUnderOneIdAndUnknownIsToldAsUnknown) {
  master.faults["create_snapshot"] = {{Code::unavailable}, {.done = true, .silent = true}};
  Result<Made> made = run(fs().create_snapshot("/f", "monday"));
  ASSERT_TRUE(made) << made.error().text();
  ASSERT_EQ(master.requests.size(), 3u);
  EXPECT_EQ(master.requests[0], master.requests[1]);
  EXPECT_EQ(master.requests[0], master.requests[2]);
  master.faults["create_snapshot"] = std::deque<Fault>(100, {.done = true, .silent = true});
  const Instant start = world.now();
  made = run(fs().create_snapshot("/f", "tuesday"));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().outcome(), Outcome::may_have_happened);
  EXPECT_LE(world.now() - start, settings.deadline + 100ms);
  EXPECT_EQ(fs().last_request(), master.requests.back());
  master.faults["create_snapshot"] = {{Code::already_exists}};
  EXPECT_EQ(run(fs().create_snapshot("/f", "monday")).error().code, Code::already_exists);
}

TEST_F(Snapshots, AreListedPageByPage) {
  master.snapshots = {"a", "b", "c", "d", "e"};
  Result<std::vector<bus::ListSnapshots::Snapshot>> all = run(fs().snapshots());
  ASSERT_TRUE(all) << all.error().text();
  std::string names;
  for (const auto& snapshot : *all) names += snapshot.name;
  EXPECT_EQ(names, "abcde");
  EXPECT_EQ(master.calls["list_snapshots"], 3);
  master.goes_back = true;
  EXPECT_EQ(run(fs().snapshots()).error().code, Code::malformed);
}

TEST_F(Snapshots, AreRemovedByName) {
  master.snapshots = {"a"};
  master.faults["remove_snapshot"] = {{Code::unavailable}};
  Result<bus::RemoveSnapshot::Reply> removed = run(fs().remove_snapshot("a"));
  ASSERT_TRUE(removed) << removed.error().text();
  EXPECT_EQ(removed->files, 1u);
  EXPECT_EQ(master.requests[0], master.requests[1]);
  EXPECT_EQ(run(fs().remove_snapshot("a")).error().code, Code::not_found);
}

TEST_F(Snapshots, AreComparedPageByPage) {
  Result<bus::CompareTrees::Reply> page = run(fs().compare_page("/.snapshots/a", "/f"));
  ASSERT_TRUE(page) << page.error().text();
  ASSERT_EQ(page->next, "further on");
  page = run(fs().compare_page("/.snapshots/a", "/f", page->next));
  EXPECT_EQ(page->next, "");
  EXPECT_EQ(master.compared.left, "/.snapshots/a");
  EXPECT_EQ(master.compared.right, "/f");
  EXPECT_EQ(master.compared.after, "further on");
}

}  // namespace
}  // namespace gfs::client::fake
