#include "services/connection/graph/graph_snapshot.hpp"

#include <bit>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/base/result.hpp"
#include "platform/base/text.hpp"

namespace guildhall::connection {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "GHGRAPH2";
constexpr std::uint32_t kMembers = 1;
constexpr std::uint32_t kEnd = 2;
constexpr std::size_t kBlockBytes = 1 << 20;

constexpr std::uint8_t kIsKnown = 1;
constexpr std::uint8_t kHidesNetwork = 2;
constexpr std::uint8_t kHasOptedOut = 4;

/// In front of each block; behind it the checksum of both.
struct BlockHead {
    std::uint32_t kind;
    std::uint32_t number;
    std::uint64_t size_bytes;  // of the content
};

[[noreturn]] void fail(const std::filesystem::path& path) {
    const int error = errno;
    throw Unavailable("graph snapshot " + path.string() + ": " + std::generic_category().message(error),
                      error == ENOSPC ? Code::insufficient_storage : Code::unavailable);
}

template <class T>
void append(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void append_text(std::string& out, std::string_view text) {
    append(out, static_cast<std::uint32_t>(text.size()));
    out.append(text);
}

/// Takes values off the front of bytes.
class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}
    bool is_at_end() const { return bytes_.empty(); }
    template <class T>
    T take() {
        T value;
        const std::string_view bytes = take_bytes(sizeof value);
        std::memcpy(&value, bytes.data(), bytes.size());
        return value;
    }
    std::string take_text() { return std::string(take_bytes(take<std::uint32_t>())); }
    std::string_view take_bytes(std::size_t size) {
        if (size > bytes_.size()) throw Corrupt("graph snapshot: a block ends too early");
        const auto taken = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return taken;
    }

private:
    std::string_view bytes_;
};

/// A file that is read from its beginning.
class Input {
public:
    explicit Input(const std::filesystem::path& path) : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
        struct stat status{};
        if (file_ < 0 || ::fstat(file_, &status) != 0) fail(path);
        left_ = static_cast<std::size_t>(status.st_size);
        ::posix_fadvise(file_, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    ~Input() {
        if (file_ >= 0) ::close(file_);
    }
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;

    bool is_at_end() const { return left_ == 0; }
    /// Appends the next `size` bytes to `out`.
    void read(std::size_t size, std::string& out) {
        if (size > left_) throw Corrupt("graph snapshot: the file ends too early");
        left_ -= size;
        const std::size_t old = out.size();
        ssize_t got = 0;
        // libstdc++ 12 names more room than was asked for.
        out.resize_and_overwrite(old + size, [&](char* bytes, std::size_t /*room*/) {
            std::size_t done = old;
            while (done < old + size) {
                got = ::read(file_, bytes + done, old + size - done);
                if (got > 0) {
                    done += static_cast<std::size_t>(got);
                } else if (got == 0 || errno != EINTR) {
                    break;
                }
            }
            return done;
        });
        if (out.size() == old + size) return;
        if (got < 0) fail(path_);
        throw Corrupt("graph snapshot: it became shorter while it was read");
    }

private:
    const std::filesystem::path& path_;
    int file_;
    std::size_t left_ = 0;
};

void read_members(Reader content, CompactGraph& graph) {
    while (!content.is_at_end()) {
        const auto at = content.take<MemberIndex>();
        const auto flags = content.take<std::uint8_t>();
        if ((flags & kIsKnown) == 0) {
            graph.restore_nobody(at);
            continue;
        }
        GraphMember member;
        member.id = UserId{content.take<std::int64_t>()};
        member.hides_network = (flags & kHidesNetwork) != 0;
        member.is_suggestable = (flags & kHasOptedOut) == 0;
        member.place = content.take_text();
        member.industry = content.take_text();
        const auto degree = content.take<std::uint32_t>();
        const auto row = content.take_bytes(std::size_t{degree} * sizeof(MemberIndex));
        std::vector<MemberIndex> peers(degree);
        if (degree > 0) std::memcpy(peers.data(), row.data(), row.size());
        graph.restore(at, member, std::move(peers));
    }
}

}  // namespace

SnapshotWriter::SnapshotWriter(std::filesystem::path path)
    : path_(std::move(path)), unfinished_(path_.string() + ".unfinished") {
    file_ = ::open(unfinished_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file_ < 0) fail(unfinished_);
    try {
        write(kMagic);
    } catch (...) {
        ::close(file_);
        ::unlink(unfinished_.c_str());
        throw;
    }
    begin_block(kMembers);
}

SnapshotWriter::~SnapshotWriter() {
    if (file_ < 0) return;
    ::close(file_);
    ::unlink(unfinished_.c_str());
}

void SnapshotWriter::add(const CompactGraph& graph, MemberIndex at) {
    append(block_, at);
    if (!graph.is_known(at)) {
        append(block_, std::uint8_t{0});
        return;
    }
    const GraphMember member = graph.member(at);
    append(block_, static_cast<std::uint8_t>(kIsKnown | (member.hides_network ? kHidesNetwork : 0) |
                                             (member.is_suggestable ? 0 : kHasOptedOut)));
    append(block_, member.id.value);
    append_text(block_, member.place);
    append_text(block_, member.industry);
    const auto peers = graph.peers_of(at);
    append(block_, static_cast<std::uint32_t>(peers.size()));
    block_.append(reinterpret_cast<const char*>(peers.data()), peers.size_bytes());
}

bool SnapshotWriter::is_block_full() const { return block_.size() >= kBlockBytes; }

void SnapshotWriter::begin_block(std::uint32_t kind) {
    begin_ = block_.size();
    append(block_, BlockHead{.kind = kind, .number = blocks_++, .size_bytes = 0});
}

void SnapshotWriter::end_block() {
    BlockHead head{};
    std::memcpy(&head, block_.data() + begin_, sizeof head);
    head.size_bytes = block_.size() - begin_ - sizeof head;
    std::memcpy(block_.data() + begin_, &head, sizeof head);
    append(block_, stable_hash(std::string_view(block_).substr(begin_)));
}

void SnapshotWriter::write_block() {
    end_block();
    write(block_);
    block_.clear();
    begin_block(kMembers);
}

void SnapshotWriter::add_end(const CompactGraph& graph) {
    end_block();
    begin_block(kEnd);
    append(block_, std::uint64_t{graph.count()});
    append(block_, std::uint64_t{graph.directions()});
    end_block();
}

void SnapshotWriter::finish() {
    write(block_);
    if (::fsync(file_) != 0) fail(unfinished_);
    if (::rename(unfinished_.c_str(), path_.c_str()) != 0) fail(path_);
    ::close(std::exchange(file_, -1));
    // The name, too, is to survive a loss of power.
    const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) fail(folder);
    const int result = ::fsync(descriptor);
    ::close(descriptor);
    if (result != 0) fail(folder);
}

void SnapshotWriter::write(std::span<const char> bytes) {
    while (!bytes.empty()) {
        const auto written = ::write(file_, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) fail(unfinished_);
        if (written > 0) bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
}

CompactGraph read_snapshot(const std::filesystem::path& path) {
    Input input(path);
    std::string block;
    input.read(kMagic.size(), block);
    if (block != kMagic) throw Corrupt("graph snapshot: not one of this version");
    CompactGraph graph;
    for (std::uint32_t number = 0;; ++number) {
        block.clear();
        input.read(sizeof(BlockHead), block);
        BlockHead head{};
        std::memcpy(&head, block.data(), sizeof head);
        // read() refuses a size that the file does not have, before it makes room.
        input.read(head.size_bytes, block);
        std::string checksum;
        input.read(sizeof(std::uint64_t), checksum);
        if (Reader(checksum).take<std::uint64_t>() != stable_hash(block) || head.number != number)
            throw Corrupt("graph snapshot: block " + std::to_string(number) + " is damaged");
        Reader content(std::string_view(block).substr(sizeof head));
        if (head.kind == kMembers) {
            read_members(content, graph);
            continue;
        }
        graph.finish_restoring();
        const auto count = content.take<std::uint64_t>();
        const auto directions = content.take<std::uint64_t>();
        if (head.kind != kEnd || !content.is_at_end() || !input.is_at_end() || count != graph.count() ||
            directions != graph.directions())
            throw Corrupt("graph snapshot: its end does not fit");
        return graph;
    }
}

}  // namespace guildhall::connection
