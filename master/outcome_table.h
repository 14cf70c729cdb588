// OutcomeTable: what became of each request, so that a repeat is answered as the first time and never done twice.
//
// Part of the replicated state: filled by MasterState::apply only, with the op's own time. Bounded: so many requests of
// a client (the lowest sequences go), so many clients and records at all (the clients unheard for longest go), none
// unheard for an hour. A request whose record gave way to later ones of its client is never done again: its outcome is
// unknown. A client that went whole, or that took its leave, is a stranger: what it sent before and arrives only then
// is taken for new.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "bus/messages/types.h"
#include "master/cow.h"

namespace gfs::master {

// What apply() decided. On failure code and text are set; else what the request asked for.
struct Decision {
  Code code = Code::ok;
  std::string text;
  bus::FileInfo info;       // of the file or directory made or moved; the path is the asker's to fill in
  std::uint64_t files = 0;  // removed
  std::uint64_t directories = 0;
  ChunkHandle handle;       // allocated
  std::uint64_t index = 0;  // of the log entry that decided; 0: none did

  bool ok() const { return code == Code::ok; }
  Error error() const { return Error{code, text, {}}; }
};

Decision refusal(Error error);
Decision refusal(Code code, std::string text);

class OutcomeTable {
 public:
  static constexpr std::size_t kRequestsPerClient = 128;
  static constexpr std::size_t kClients = 10000;
  static constexpr std::size_t kRecords = 256 << 10;
  static constexpr WallMs kKept = 3600 * 1000;

  struct Record {
    std::uint32_t digest = 0;  // of the first content under this id
    Decision decision;
  };
  // nullptr: not seen, or forgotten.
  const Record* find(const RequestId& request) const;
  // The request is so old that its record may have been dropped.
  bool forgotten(const RequestId& request) const;
  void add(const RequestId& request, std::uint32_t digest, Decision decision, WallMs now);
  void close(ClientId client);
  bool knows(ClientId client) const { return clients_.contains(client); }
  std::size_t clients() const { return clients_.size(); }
  std::string dump() const;

 private:
  struct Client {
    WallMs heard = 0;
    std::uint64_t dropped = 0;  // highest sequence whose record went
    std::map<std::uint64_t, Record> records;
  };
  using Clients = std::map<ClientId, Cow<Client>>;

 public:
  // The table as it was when it was frozen, in pieces: a client each.
  class Frozen {
   public:
    // Appends the next piece; false: that was all.
    bool next(std::string& piece);

   private:
    friend class OutcomeTable;
    std::vector<std::pair<ClientId, std::shared_ptr<const Client>>> clients_;
    std::size_t next_ = 0;
  };
  Frozen freeze() const;
  // Adds the client of a piece; malformed.
  Result<> load(std::string_view piece);

 private:
  void drop(Clients::iterator client);

  Clients clients_;
  std::set<std::pair<WallMs, ClientId>> by_age_;
  std::size_t records_ = 0;  // of all clients
};

}  // namespace gfs::master
