// FileService: names. Answers what clients ask about files and directories; changes go through the journal.
//
// Owned by Master; lives on its loop.
#pragma once

#include "bus/endpoint.h"
#include "bus/messages/client_master.h"
#include "master/journal.h"

namespace gfs::master {

class FileService {
 public:
  // Where no directory says otherwise.
  struct Defaults {
    std::uint32_t replicas = 3;
    WallMs trash = 0;
  };

  FileService(const MasterState& state, Journal& journal, Defaults defaults)
      : state_(state), journal_(journal), defaults_(defaults) {}

  void serve(bus::Endpoint& endpoint);

  Task<bus::FileInfo> create(bus::CreateFile ask, bus::Caller caller);
  Task<bus::FileInfo> make_directory(bus::MakeDirectory ask, bus::Caller caller);
  Task<bus::FileInfo> stat(bus::Stat ask, bus::Caller caller);
  Task<bus::Exists::Reply> exists(bus::Exists ask, bus::Caller caller);
  Task<bus::List::Reply> list(bus::List ask, bus::Caller caller);
  Task<bus::FileInfo> rename(bus::Rename ask, bus::Caller caller);
  Task<bus::Remove::Reply> remove(bus::Remove ask, bus::Caller caller);
  Task<bus::Done> set_size(bus::SetSize ask, bus::Caller caller);
  Task<bus::Done> close_client(bus::CloseClient ask, bus::Caller caller);

 private:
  const MasterState& state_;
  Journal& journal_;
  const Defaults defaults_;
};

}  // namespace gfs::master
