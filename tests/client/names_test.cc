// What the Filesystem asks the master besides files' bytes: under which ids, and what is known afterwards.
#include "tests/client/fake_cluster.h"

namespace gfs::client::fake {
namespace {

using Names = Cluster;

TEST_F(Names, AnIdThatIsGivenGoesOutWithTheNextMutationOnly) {
  RequestId given{ClientId::random(random), 77};
  ASSERT_TRUE(run(fs().stat("/f")));
  fs().use_request(given);
  ASSERT_TRUE(run(fs().stat("/f"))) << "no mutation";
  ASSERT_TRUE(run(fs().truncate("/f", 5)));
  EXPECT_EQ(master.requests.back(), given);
  EXPECT_EQ(fs().last_request(), given);
  ASSERT_TRUE(run(fs().truncate("/f", 6)));
  EXPECT_NE(master.requests.back().client, given.client);
  EXPECT_EQ(master.size, 6u);
}

TEST_F(Names, AnIdThatBelongsToAnotherRequestIsAConflict) {
  master.faults["truncate"] = {{Code::invalid_argument}, {Code::invalid_argument}};
  fs().use_request({ClientId::random(random), 77});
  EXPECT_EQ(run(fs().truncate("/f", 5)).error().code, Code::conflict);
  EXPECT_EQ(run(fs().truncate("/f", 5)).error().code, Code::invalid_argument);
}

TEST_F(Names, AClientThatAskedForNothingHasNothingToClose) {
  ASSERT_TRUE(run(fs().stat("/f")));
  ASSERT_TRUE(run(fs().close_client()));
  EXPECT_TRUE(master.closed.empty());
  ASSERT_TRUE(run(fs().truncate("/f", 5)));
  ASSERT_TRUE(run(fs().close_client()));
  EXPECT_EQ(master.closed, std::vector<ClientId>{fs().last_request().client});
}

TEST_F(Names, TheIndexOfTheLatestAnswerIsKnown) {
  std::uint64_t index = 41;
  master.endpoint->set_index([&] { return index; });
  ASSERT_TRUE(run(fs().stat("/f")));
  EXPECT_EQ(fs().last_index(), 41u);
  index = 42;
  master.faults["truncate"] = {{Code::not_found}};
  EXPECT_FALSE(run(fs().truncate("/f", 5)));
  EXPECT_EQ(fs().last_index(), 42u) << "an error reflects it too";
}

TEST_F(Names, InspectingNamesTheServerThatFails) {
  ASSERT_TRUE(run(open()->write(0, Bytes::of("hello"))));
  Result<bus::InspectChunk::Reply> held = run(fs().inspect(servers[1].control, {100}, true));
  ASSERT_TRUE(held) << held.error().text();
  EXPECT_EQ(held->length, 5u);
  EXPECT_EQ(held->checksums.size(), 1u);
  kill(servers[1]);
  held = run(fs().inspect(servers[1].control, {100}, true));
  ASSERT_FALSE(held);
  EXPECT_TRUE(mentions(held.error(), servers[1].control));
}

TEST_F(Names, SuspectReplicasAreReadElsewhere) {
  has("hello");
  for (ChunkServer& server : servers) server.faults["read"] = server.faults["length"] = {{Code::suspect}};
  servers[1].faults.clear();
  Result<Bytes> got = run(open(Filesystem::Open::read)->read(0, 5));
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->view(), "hello");
}

}  // namespace
}  // namespace gfs::client::fake
