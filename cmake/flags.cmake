# Compiler and linker flags, in one interface target that every floor links.
add_library(gfs_flags INTERFACE)
target_include_directories(gfs_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(gfs_flags INTERFACE GFS_VERSION="${PROJECT_VERSION}")
target_compile_options(gfs_flags INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -Wunused
  -Wno-missing-field-initializers
  -fno-omit-frame-pointer)
target_link_options(gfs_flags INTERFACE -fuse-ld=lld -Wl,-z,relro,-z,now -pie)

# Hardening (what each flag buys: docs/decisions/002-toolchain.md).
target_compile_definitions(gfs_flags INTERFACE _GLIBCXX_ASSERTIONS)
target_compile_options(gfs_flags INTERFACE -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
  target_compile_options(gfs_flags INTERFACE -fcf-protection)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
  target_compile_options(gfs_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
else()
  # -g1 keeps stack traces and halves build time and object size; gdb users configure with -DCMAKE_CXX_FLAGS_DEBUG=-g.
  set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1" CACHE STRING "" FORCE)
endif()

# What is tested is optimised, the tests need not be: that would double the time of the build.
set(GFS_TEST_FLAGS -O0 -U_FORTIFY_SOURCE)

if(GFS_SANITIZE)
  target_compile_options(gfs_flags INTERFACE -fsanitize=${GFS_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(gfs_flags INTERFACE -fsanitize=${GFS_SANITIZE})
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # The precompiled header's time stamp must not spoil the cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  target_compile_options(gfs_flags INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
endif()

# Precompiled headers: for the bus, which the others are built on, msgpack alone; for the shell its session, as it has
# many small commands; for the rest what most files see.
set(GFS_COMMON_HEADERS <algorithm> <deque> <functional> <map> <set> <unordered_map> <msgpack.hpp> <base/disk.h>
  <base/log.h> <base/random.h> <base/task_group.h> <bus/endpoint.h> <bus/messages/chunk_chunk.h>
  <bus/messages/chunk_master.h> <bus/messages/client_chunk.h> <bus/messages/client_master.h>
  <bus/messages/client_snapshot.h>)
function(gfs_precompile name)
  get_target_property(type ${name} TYPE)
  if(type STREQUAL "EXECUTABLE")
    target_compile_options(${name} PRIVATE -fPIC)  # as the headers are compiled
  endif()
  if(name STREQUAL "gfs_base")
    return()
  elseif(name STREQUAL "gfs_bus")
    target_precompile_headers(${name} PRIVATE <msgpack.hpp>)
  elseif(name STREQUAL "gfs_cli_commands")
    target_precompile_headers(${name} PRIVATE <msgpack.hpp> <client_cli/cli/commands.h>)
  elseif(name STREQUAL "gfs_gossip")
    target_precompile_headers(${name} PRIVATE ${GFS_COMMON_HEADERS})
  elseif(name MATCHES "_test$")
    target_precompile_headers(${name} REUSE_FROM gfs_test_headers)
  else()
    target_precompile_headers(${name} REUSE_FROM gfs_gossip)
  endif()
endfunction()
