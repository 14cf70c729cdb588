// --req and --show-req: the ids of verbs that are one mutation, so that one whose outcome is not known can be repeated
// and is done once all the same.
#pragma once

#include <optional>

#include "client_cli/cli/command.h"

namespace gfs::cli {

// The verb's own options and these two.
std::vector<Option> with_request_options(std::vector<Option> options = {});

// --req CLIENT:SEQUENCE, if it was given. invalid_argument: it is no id, or the verb got more than one thing to do.
Result<std::optional<RequestId>> given_request(const Arguments& arguments, std::size_t things);

// Runs one mutation, under --req if that was given.
template <class T>
Result<T> mutate(Session& session, const Arguments& arguments, std::size_t things,
                 std::function<Task<T>(Filesystem&)> work) {
  Result<std::optional<RequestId>> request = given_request(arguments, things);
  if (!request) return fail(std::move(request));
  if (!*request) return session.run<T>(std::move(work));
  session.keep_client();
  return session.run<T>([id = **request, work = std::move(work)](Filesystem& filesystem) {
    filesystem.use_request(id);
    return work(filesystem);
  });
}

// What is said of a mutation that was done: `json` with its "req", or, with --show-req, its id on a line.
void tell_mutation(Session& session, const Arguments& arguments, Json json);

}  // namespace gfs::cli
