/// The local copies of everything the operator watches (operator.md 3), and who is woken by which change.
struct ClusterCaches: Sendable {
    /// Changes that no user waits for are looked at together after this long.
    static let coalescing = Duration.milliseconds(200)

    let actors: ObjectCache<ObservedActor>
    let deployments: ObjectCache<ObservedDeployment>
    let scaledObjects: ObjectCache<OwnedObject>
    let triggerAuthentications: ObjectCache<OwnedObject>
    let serviceAccounts: ObjectCache<OwnedObject>
    let disruptionBudgets: ObjectCache<OwnedObject>
    let autoscalers: ObjectCache<ObservedAutoscaler>
    let configMaps: ObjectCache<ObservedConfigMap>
    let pods: ObjectCache<ObservedPod>

    init(queue: WorkQueue) {
        @Sendable func wake(_ key: ObjectKey?) {
            if let key { queue.add(key, after: Self.coalescing) }
        }
        func owned() -> ObjectCache<OwnedObject> {
            ObjectCache { old, new in
                // KEDA writes the status of its objects all the time; only what we own counts.
                guard OwnedObject.differ(old, new) else { return }
                wake(new?.actorKey)
                if old?.actorKey != new?.actorKey { wake(old?.actorKey) }
            }
        }
        let actors = ObjectCache<ObservedActor> { old, new in
            guard let new else {
                // Only to forget what is remembered about it.
                if let old { queue.add(old.key) }
                return
            }
            if let old, !new.differsInSubstance(from: old) { return }
            queue.add(new.key, isUrgent: old != nil)
        }
        self.actors = actors
        self.deployments = ObjectCache { old, new in
            guard old?.numbers != new?.numbers || OwnedObject.differ(old?.object, new?.object) else { return }
            wake(new?.object.actorKey ?? old?.object.actorKey)
        }
        self.scaledObjects = ObjectCache(
            changed: { old, new in
                guard OwnedObject.differ(old, new) else { return }
                wake(new?.actorKey ?? old?.actorKey)
            },
            absenceChanged: { isAbsent in
                // KEDA was installed: whoever waits for it is looked at again.
                if !isAbsent { for actor in actors.all { wake(actor.key) } }
            }
        )
        self.triggerAuthentications = owned()
        self.serviceAccounts = owned()
        self.disruptionBudgets = owned()
        self.autoscalers = ObjectCache { old, new in
            guard old?.desiredReplicas != new?.desiredReplicas else { return }
            wake((new ?? old)?.actorKey)
        }
        self.configMaps = ObjectCache { old, new in
            guard old?.scriptHash != new?.scriptHash || old?.hasLabels != new?.hasLabels else { return }
            guard let namespace = (new ?? old)?.key.namespace else { return }
            // Any actor of the namespace repairs it for all.
            let first = actors.all.lazy.filter { $0.key.namespace == namespace && !$0.isDeleting }.map(\.key).min()
            wake(first)
        }
        self.pods = ObjectCache { old, new in
            guard old?.assessment != new?.assessment || old?.actorKey != new?.actorKey else { return }
            wake(new?.actorKey)
            if old?.actorKey != new?.actorKey { wake(old?.actorKey) }
        }
    }
}
