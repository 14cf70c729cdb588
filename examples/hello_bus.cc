// The bus in one page: two nodes in one process, and the conversations between them.
//
//   call / serve          a question with an answer, a deadline, and an error that says whether it happened
//   push / pull           bulk data, one way, in a frame of its own that nobody copies
//   publish / subscribe   notices for whoever wants to hear them
//
// Real nodes differ in their addresses only: tcp://host:port instead of inproc://name.
#include <cstdio>

#include "base/event_loop.h"
#include "base/log.h"
#include "bus/codec_instances.h"
#include "bus/endpoint.h"
#include "bus/zmq_bus.h"
#include "bus/zmq_context.h"

using namespace gfs;

// A message is declared once and says what answers it and who may send it.
struct Greet {
  static constexpr std::string_view kind = "example.greet";
  static constexpr bus::Roles senders = bus::kAnyClient;
  struct Reply {
    std::string words;
    GFS_FIELDS(words);
  };
  std::string name;
  GFS_FIELDS(name);
};

struct Parcel {
  static constexpr std::string_view kind = "example.parcel";
  static constexpr bus::Roles senders = bus::kAnyClient;
  std::string label;
  Bytes payload;  // rides in its own frame
  GFS_FIELDS(label);
};

struct Arrival {
  static constexpr std::string_view kind = "example.arrival";
  static constexpr bus::Roles senders = bus::kMaster;
  std::string label;
  std::uint64_t bytes = 0;
  GFS_FIELDS(label, bytes);
};

GFS_CODEC(Greet);
GFS_CODEC(Greet::Reply);
GFS_CODEC(Parcel);
GFS_CODEC(Arrival);

// Answers greetings, takes parcels and tells everybody who listens of each.
struct PostOffice {
  Task<Greet::Reply> greet(Greet ask, bus::Caller) {
    if (ask.name.empty()) co_await fail(Code::invalid_argument, "a greeting needs a name");
    co_return Greet::Reply{"hello, " + ask.name};
  }
  void take(Parcel parcel) {
    Arrival arrival{parcel.label, parcel.payload.size()};
    Result<> published = endpoint.publish("/parcels/" + parcel.label, arrival);
    if (!published) std::printf("not published: %s\n", published.error().text().c_str());
  }
  bus::Endpoint& endpoint;
};

// One after the other; the first error ends the task.
Task<> visit(EventLoop* loop, bus::Endpoint* me) {
  Greet ask{"world"};
  Greet::Reply answer = co_await me->call(bus::Peer::at("inproc://office"), ask);
  std::printf("call:      %s\n", answer.words.c_str());

  Greet nobody{""};
  Result<Greet::Reply> refused = co_await me->call(bus::Peer::at("inproc://office"), nobody).outcome();
  if (refused) co_await fail(Code::internal, "a greeting without a name was answered");
  std::printf("error:     %s\n", refused.error().text().c_str());

  bool told = false;
  auto on_arrival = [&told](const bus::Address&, const std::string& topic, Arrival arrival) {
    if (!told)
      std::printf("published: %s, %llu bytes\n", topic.c_str(), static_cast<unsigned long long>(arrival.bytes));
    told = true;
  };
  co_await me->subscribe<Arrival>("inproc://office.events", "/parcels/", on_arrival);
  for (int tries = 0; !told && tries < 200; ++tries) {  // a subscription takes effect some time later
    co_await me->push("inproc://office.data", Parcel{"books", Bytes::of(std::string(1 << 20, 'b'))});
    co_await loop->sleep(10ms);
  }
  if (!told) co_await fail(Code::deadline, "no notice of the parcel came");
}

int main() {
  bus::tune_memory();
  log::set_level(log::Level::warn);
  EventLoop loop;
  Random random(Random::seed_from_machine());

  bus::ZmqBus office_bus(loop, random);
  bus::Endpoint office(loop, random, office_bus, {.role = bus::kMaster, .program = "post office"});
  PostOffice service{office};
  office.serve<&PostOffice::greet>(service);
  office.serve_data<&PostOffice::take>(service);
  bus::ListenAt at{"inproc://office", "inproc://office.data", "inproc://office.events"};
  Result<bus::ListenAt> listening = office_bus.listen(at);

  bus::ZmqBus visitor_bus(loop, random);
  bus::Endpoint visitor(loop, random, visitor_bus, {.role = bus::kClient, .program = "visitor"});

  Result<> visited = listening ? loop.run(visit(&loop, &visitor)) : fail(listening.error());
  if (!visited) std::printf("failed:    %s\n", visited.error().text().c_str());
  return visited ? 0 : 1;
}
