#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "services/connection/graph/compact_graph.hpp"

namespace guildhall::connection {

// A snapshot is a file of blocks, little-endian: a head (what it is, version), blocks of members with their rows (a
// later one of the same number holds), an end with the counts. Each block has its number and a checksum over all of it,
// so that no byte can change, and no block be missing, doubled or moved, unnoticed.

/// Writes a snapshot beside its place and moves it there when it is whole and on the disk; nothing is left of one that
/// was not finished. Throws Unavailable when the file system refuses.
class SnapshotWriter {
public:
    explicit SnapshotWriter(std::filesystem::path path);
    ~SnapshotWriter();
    SnapshotWriter(const SnapshotWriter&) = delete;
    SnapshotWriter& operator=(const SnapshotWriter&) = delete;

    /// Adds the present state of the member with the number `at`, or that nobody has it, to the block that is being
    /// made.
    void add(const CompactGraph& graph, MemberIndex at);
    /// True when the block is large enough to be written.
    bool is_block_full() const;
    /// Writes the block, if there is anything in it.
    void write_block();
    /// Adds the end: the state of `graph` is what all that was added comes to.
    void add_end(const CompactGraph& graph);
    /// Writes what is left and puts the file in its place.
    void finish();

private:
    void begin_block(std::uint32_t kind);
    void end_block();
    void write(std::span<const char> bytes);

    const std::filesystem::path path_;
    const std::filesystem::path unfinished_;
    int file_ = -1;
    std::uint32_t blocks_ = 0;
    std::size_t begin_ = 0;  // of the block that is being made
    std::string block_;      // and, at the end, the last before it
};

/// Reads a snapshot. Throws Corrupt when it is not whole, damaged, of another version or no snapshot; Unavailable when
/// it cannot be read or is not there.
CompactGraph read_snapshot(const std::filesystem::path& path);

}  // namespace guildhall::connection
