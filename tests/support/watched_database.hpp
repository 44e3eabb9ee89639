#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/async/call.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::test {

/// Another database, with its reads and transactions counted. Reads can be made to fail, and a test can let something
/// happen between a read and its answer, or before a transaction.
class WatchedDatabase final : public sql::Database {
public:
    explicit WatchedDatabase(std::unique_ptr<sql::Database> inner) : inner_(std::move(inner)) {}

    Task<sql::Rows> read(const sql::Statement& statement, sql::Params params) override {
        ++reads;
        note_lists(params);
        if (statement.name == broken_read) throw Unavailable("the database is unavailable");
        co_await mark_stale();
        sql::Rows rows = co_await inner_->read(statement, std::move(params));
        if (after_read) co_await std::exchange(after_read, nullptr)(statement.name);
        co_return rows;
    }
    Task<std::vector<sql::Rows>> read_all(std::vector<sql::BoundStatement> all) override {
        ++reads;
        for (const sql::BoundStatement& each : all) note_lists(each.params);
        co_await mark_stale();
        const std::string name = all.empty() ? "" : all.front().statement->name;
        std::vector<sql::Rows> rows = co_await inner_->read_all(std::move(all));
        if (after_read) co_await std::exchange(after_read, nullptr)(name);
        co_return rows;
    }
    void migrate(std::span<const sql::Migration> migrations) override { inner_->migrate(migrations); }
    void execute_script(std::string_view text) override { inner_->execute_script(text); }
    Task<bool> ready(const sql::Statement& question) override { return inner_->ready(question); }
    bool is_writable() const override { return inner_->is_writable(); }
    std::string_view engine() const override { return inner_->engine(); }

    int calls() const { return reads + transactions; }

    std::atomic<int> reads{0};
    std::atomic<int> transactions{0};
    /// The length of the longest list among the parameters of reads.
    std::atomic<std::size_t> longest_list{0};
    /// The name of a statement whose reads throw Unavailable.
    std::string broken_read;
    /// Reads are as if a replica stood in the primary's place.
    std::atomic<bool> may_be_stale{false};
    /// Called once, with the name of the first statement read, when the rows are there but not given yet.
    std::function<Task<void>(std::string)> after_read;
    /// Called once, before the next transaction begins.
    std::function<void()> before_next_transaction;
    /// Called before each transaction.
    std::function<void()> before_each_transaction;

protected:
    Task<void> run(RawBody body) override {
        ++transactions;
        if (before_each_transaction) before_each_transaction();
        if (auto hook = std::exchange(before_next_transaction, nullptr)) hook();
        auto inner = [body = std::move(body)](sql::Transaction& tx) -> Task<Result<bool>> {
            const bool is_done = co_await body(tx);
            if (!is_done) co_return Error{Code::conflict, "rolled back"};
            co_return true;
        };
        const auto done = co_await inner_->transact<bool>(inner);
        (void)done;
    }

private:
    void note_lists(const sql::Params& params) {
        for (const sql::Value& param : params)
            if (const auto* ids = std::get_if<sql::Ids>(&param))
                longest_list = std::max(longest_list.load(), ids->size());
    }
    Task<void> mark_stale() {
        const CallPointer call = co_await current_call();
        if (may_be_stale && call) call->may_be_stale.set();
    }

    std::unique_ptr<sql::Database> inner_;
};

}  // namespace guildhall::test
