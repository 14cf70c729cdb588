// Trash, rules and goals as clients see them, over the bus.
#include <string>

#include "tests/master/master_fixture.h"

namespace gfs::master {
namespace {

class MasterTrashTest : public ChunksTest {
 protected:
  bus::ListTrash::Reply trash() { return call(bus::ListTrash{}).value(); }
};

TEST_F(MasterTrashTest, RemoveRestoreAndWhatARepeatIsTold) {
  const InodeId inode = make_file("/f");
  const bus::Remove::Reply removed = call(bus::Remove{"/f"}, request(1)).value();
  EXPECT_EQ(removed.item, inode);
  EXPECT_GT(removed.until_ms, 0);
  kill_master(true);
  ASSERT_TRUE(start_master());
  ASSERT_TRUE(call_until_ok(bus::Exists{"/"}));
  EXPECT_EQ(call(bus::Remove{"/f"}, request(1)).value().until_ms, removed.until_ms) << "on record";
  ASSERT_EQ(trash().items.size(), 1u);
  EXPECT_EQ(trash().items[0].path, "/f");
  EXPECT_EQ(trash().items[0].files, 1u);
  EXPECT_EQ(call(bus::ClusterStatus{}).value().trash_items, 1u);
  EXPECT_EQ(call(bus::ClusterStatus{}).value().files, 0u);
  EXPECT_EQ(call(bus::RestoreTrash{inode, "/g"}, request(2)).value().inode, inode);
  EXPECT_EQ(call(bus::RestoreTrash{inode, "/g"}, request(2)).value().path, "/g") << "a repeat";
  EXPECT_EQ(call(bus::RestoreTrash{inode, "/h"}).error().code, Code::not_found);
  EXPECT_TRUE(trash().items.empty());
}

TEST_F(MasterTrashTest, ItsTimeComesAndSomeGoBeforeIt) {
  settings.trash = 10min;
  settings.trash_items = 5;
  kill_master();
  ASSERT_TRUE(start_master());
  ASSERT_TRUE(call_until_ok(bus::MakeDirectory{"/d"}));
  for (int i = 0; i < 5; ++i) make_file("/d/" + std::to_string(i));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(call(bus::Remove{"/d/" + std::to_string(i)}));
  world.clock.run_for(5min);
  EXPECT_EQ(trash().items.size(), 5u);
  ASSERT_TRUE(call(bus::Remove{"/d", true}));
  EXPECT_EQ(call(bus::ClusterStatus{}).value().codes.front(), "GFS_TRASH_FULL");
  EXPECT_TRUE(wait([&] { return trash().items.size() == 5; }, 10s)) << "one too many: the oldest goes";
  EXPECT_EQ(trash().items[0].path, "/d/1");
  EXPECT_TRUE(wait([&] { return trash().items.size() == 1; }, 6min));
  EXPECT_EQ(trash().items[0].path, "/d");
  EXPECT_TRUE(wait([&] { return trash().items.empty(); }, 6min));
}

TEST_F(MasterTrashTest, PurgesWhatItIsToldTo) {
  const InodeId one = make_file("/1"), two = make_file("/2");
  for (const char* path : {"/1", "/2"}) ASSERT_TRUE(call(bus::Remove{path}));
  EXPECT_EQ(call(bus::PurgeTrash{{one, InodeId{12345}}}).value().items, 1u);
  EXPECT_EQ(call(bus::RestoreTrash{one, "/1"}).error().code, Code::not_found) << "from that moment on";
  EXPECT_TRUE(wait([&] { return trash().items.size() == 1; }, 10s));
  EXPECT_EQ(trash().items[0].item, two);
  EXPECT_EQ(call(bus::PurgeTrash{std::vector<InodeId>(1001)}).error().code, Code::too_large);
}

TEST_F(MasterTrashTest, PagesGoForwardThroughItemsOfOneTime) {
  for (int i = 0; i < 25; ++i) {
    make_file("/" + std::to_string(i));
    ASSERT_TRUE(call(bus::Remove{"/" + std::to_string(i)}));
  }
  std::set<std::string> seen;
  bus::ListTrash ask{0, {}, 10};
  while (true) {
    const bus::ListTrash::Reply page = call(ask).value();
    for (const bus::ListTrash::Item& item : page.items) EXPECT_TRUE(seen.insert(item.path).second);
    if (!page.more) break;
    ask.after_ms = page.items.back().until_ms;
    ask.after = page.items.back().item;
  }
  EXPECT_EQ(seen.size(), 25u);
}

TEST_F(MasterTrashTest, ChunksOfWhatIsInTheTrashAreLookedAfter) {
  add_servers(4);
  const bus::ChunkLayout layout = locate(make_file("/f")).value();
  ASSERT_TRUE(call(bus::Remove{"/f"}));
  server(layout.primary).die();
  EXPECT_TRUE(wait([&] { return settled(layout.handle, 3); }, 2min));
}

TEST_F(MasterTrashTest, N11RulesOfDirectories) {
  ASSERT_TRUE(call(bus::MakeDirectory{"/d"}));
  EXPECT_EQ(call(bus::SetDirectoryPolicy{"/d", {.replicas = 9}}).error().code, Code::invalid_argument);
  EXPECT_EQ(call(bus::SetDirectoryPolicy{"/d", {.trash_ms = -5}}).error().code, Code::invalid_argument);
  ASSERT_TRUE(call(bus::SetDirectoryPolicy{"/d", {.replicas = 1, .trash_ms = 5000, .quota_files = 2}}));
  EXPECT_EQ(call(bus::CreateFile{"/d/f"}).value().replicas, 1u);
  EXPECT_EQ(call(bus::CreateFile{"/d/g", 2}).value().replicas, 2u);
  EXPECT_EQ(call(bus::CreateFile{"/d/h"}).error().code, Code::quota_exceeded);
  const bus::GetPolicy::Reply rules = call(bus::GetPolicy{"/d"}).value();
  EXPECT_EQ(rules.own.replicas, 1);
  EXPECT_EQ(rules.own.ack, bus::Policy::kInherit);
  EXPECT_EQ(rules.effective.ack, static_cast<std::int64_t>(bus::AckMode::all));
  EXPECT_EQ(rules.effective.minimum_for_writing, 1) << "of one replica";
  EXPECT_EQ(call(bus::GetPolicy{"/"}).value().effective.minimum_for_writing, 1) << "fewer than three servers are known";
  add_servers(3);
  EXPECT_EQ(call(bus::GetPolicy{"/"}).value().effective.minimum_for_writing, 2);
  EXPECT_EQ(rules.effective.trash_ms, 5000);
  EXPECT_EQ(rules.files, 2u);
  EXPECT_EQ(call(bus::GetPolicy{"/d/g"}).value().effective.replicas, 2);
  EXPECT_EQ(call(bus::GetPolicy{"/"}).value().effective.trash_ms, to_ms(settings.trash));
}

TEST_F(MasterTrashTest, AMinimumOfADirectoryIsItsFilesMinimum) {
  add_servers(3);
  ASSERT_TRUE(call(bus::MakeDirectory{"/d"}));
  ASSERT_TRUE(call(bus::SetDirectoryPolicy{"/d", {.minimum_for_writing = 3}}));
  const InodeId strict = make_file("/d/f"), usual = make_file("/f");
  servers[0]->die();
  world.clock.run_for(15s);
  EXPECT_TRUE(locate(usual));
  EXPECT_EQ(locate(strict).error().code, Code::not_enough_servers);
}

TEST_F(MasterTrashTest, ReplicasFollowTheGoalUpAndDown) {
  add_servers(5);
  const InodeId file = make_file("/f");
  const bus::ChunkLayout layout = locate(file).value();
  EXPECT_EQ(layout.members.size(), 3u);
  EXPECT_EQ(call(bus::SetReplicas{"/f", 5}, request(1)).value().replicas, 5u);
  EXPECT_TRUE(wait([&] { return settled(layout.handle, 5); }, 2min));
  EXPECT_EQ(call(bus::SetReplicas{"/f", 2}, request(2)).value().replicas, 2u);
  EXPECT_TRUE(wait([&] { return settled(layout.handle, 2); }, 2min));
  EXPECT_EQ(call(bus::SetReplicas{"/f", 2}, request(2)).value().replicas, 2u) << "a repeat";
  EXPECT_EQ(call(bus::SetReplicas{"/g", 2}, request(3)).error().code, Code::not_found);
  EXPECT_EQ(call(bus::SetReplicas{"/f", 0}).error().code, Code::invalid_argument);
  EXPECT_EQ(call(bus::SetReplicas{"/f", 9}).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace gfs::master
