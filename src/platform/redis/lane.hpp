#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "platform/async/task.hpp"
#include "platform/redis/node.hpp"
#include "platform/redis/request.hpp"
#include "platform/redis/settings.hpp"

namespace guildhall::redis {

/// All connections of one io_context, which is run by one thread: to the one server, or to the nodes of a Cluster, with
/// the table of their slots. Other threads may call only submit(), submit_unawaited() and is_up().
class Lane final : public Node::Owner, public std::enable_shared_from_this<Lane> {
public:
    Lane(boost::asio::io_context& io, std::shared_ptr<const Settings> settings);
    ~Lane() override;
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// Starts to connect.
    void start();
    /// Fails the waiting commands and closes the connections.
    void stop();
    /// Sends requests to the nodes that have their keys, in this order to each. Each has an outcome by its deadline,
    /// plus a tick of 20 ms; a redirected one may also wait for the deadlines of the requests before it at its new
    /// node.
    void submit(std::vector<RequestPointer> requests);
    /// The same for one request that nobody waits for. Drops it when too many are in transit from other threads.
    void submit_unawaited(RequestPointer request);
    /// True while all needed servers are connected.
    bool is_up() const { return is_up_.load(std::memory_order_relaxed); }
    boost::asio::io_context& io() const { return io_; }

    void answered(RequestPointer request, Reply reply, Node& node) override;
    void failed(RequestPointer request, const std::string& reason) override;
    void changed() override;
    void waits() override;

private:
    static constexpr std::size_t kSlots = 16384;
    static constexpr std::uint16_t kNobody = 0xFFFF;

    void route(RequestPointer request);
    void redirect(RequestPointer request, const Reply& reply, const Node& node);
    Node& node_at(const Endpoint& server);
    Node* node_of(std::uint16_t slot);

    Task<void> keep_slots();
    Task<bool> load_slots();
    bool read_slots(const Reply& table, const Endpoint& asked);
    std::vector<Endpoint> known_servers() const;
    Task<void> pause(std::chrono::milliseconds duration);
    void request_slots();
    void note_state();

    void tick();

    boost::asio::io_context& io_;
    const std::shared_ptr<const Settings> settings_;
    bool is_stopped_ = false;
    std::atomic<bool> is_up_{false};
    std::atomic<std::size_t> unawaited_{0};  // in transit from other threads
    boost::asio::steady_timer tick_;
    bool is_ticking_ = false;

    std::vector<std::shared_ptr<Node>> nodes_;  // the server, or the nodes of the cluster
    std::vector<std::uint16_t> slots_;          // of a cluster: index in nodes_
    bool has_slots_ = false;
    bool slots_requested_ = false;
    bool is_idle_ = false;                 // keep_slots() waits for request_slots()
    std::string reason_;                   // why the slots are not known
    std::deque<RequestPointer> unrouted_;  // waiting until the slots are known
    boost::asio::steady_timer refresh_;
};

}  // namespace guildhall::redis
