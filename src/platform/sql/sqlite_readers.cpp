#include "platform/sql/sqlite_readers.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

namespace guildhall::sql {

struct SqliteReaders::Registry {
    std::mutex mutex;
    bool closed = false;
    std::vector<std::unique_ptr<SqliteConnection>> connections;

    /// Closes `connection` if it is open.
    void close(SqliteConnection* connection) {
        std::unique_ptr<SqliteConnection> taken;
        const std::lock_guard lock(mutex);
        const auto found = std::ranges::find(connections, connection, &std::unique_ptr<SqliteConnection>::get);
        if (found == connections.end()) return;
        taken = std::move(*found);
        connections.erase(found);
    }

    bool is_closed() {
        const std::lock_guard lock(mutex);
        return closed;
    }
};

namespace {

/// The connections of one thread.
struct ThreadConnections {
    struct Entry {
        std::uint64_t id;
        SqliteConnection* connection;
        std::shared_ptr<SqliteReaders::Registry> registry;
    };
    std::vector<Entry> entries;

    ~ThreadConnections() {
        for (auto& entry : entries) entry.registry->close(entry.connection);
    }

    SqliteConnection* find(std::uint64_t id) const {
        for (const auto& entry : entries) {
            if (entry.id == id) return entry.connection;
        }
        return nullptr;
    }

    void add(Entry entry) {
        std::erase_if(entries, [](const Entry& old) { return old.registry->is_closed(); });
        entries.push_back(std::move(entry));
    }

    void remove(std::uint64_t id) {
        const auto found = std::ranges::find(entries, id, &Entry::id);
        if (found == entries.end()) return;
        found->registry->close(found->connection);
        entries.erase(found);
    }
};

thread_local ThreadConnections this_thread;
std::atomic<std::uint64_t> last_readers_id{0};

}  // namespace

SqliteReaders::SqliteReaders(std::filesystem::path file, std::size_t cache_bytes)
    : id_(++last_readers_id),
      file_(std::move(file)),
      cache_bytes_(cache_bytes),
      registry_(std::make_shared<Registry>()) {}

SqliteReaders::~SqliteReaders() {
    const std::lock_guard lock(registry_->mutex);
    registry_->closed = true;
    registry_->connections.clear();
}

Rows SqliteReaders::query(const Statement& statement, const Params& params) {
    try {
        return try_query(statement, params);
    } catch (const DiskError& error) {
        spdlog::warn("{}: {} failed, trying again: {}", file_.filename().string(), statement.name, error.what());
    }
    return try_query(statement, params);
}

Rows SqliteReaders::try_query(const Statement& statement, const Params& params) {
    auto& connection = local();
    try {
        return connection.query(statement, params);
    } catch (const Unavailable&) {
        this_thread.remove(id_);  // an I/O error may persist on a connection
        throw;
    }
}

SqliteConnection& SqliteReaders::local() {
    if (auto* connection = this_thread.find(id_)) return *connection;
    auto opened = std::make_unique<SqliteConnection>(file_, SqliteConnection::Mode::read, cache_bytes_);
    auto& connection = *opened;
    {
        const std::lock_guard lock(registry_->mutex);
        registry_->connections.push_back(std::move(opened));
    }
    this_thread.add({id_, &connection, registry_});
    return connection;
}

}  // namespace guildhall::sql
