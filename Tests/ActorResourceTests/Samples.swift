/// The samples of crd.md section 9 that are more than `manifest()`.
enum Samples {
    static let gpu = """
        apiVersion: asya.sh/v1alpha1
        kind: AsyncActor
        metadata:
          name: caption-model
          namespace: vision
        spec:
          transport: sqs
          timeout: {processing: 900, gracefulShutdown: 120}
          sidecar:
            image: registry.example/asya-sidecar:2.0
            imagePullPolicy: IfNotPresent
            resources:
              requests: {cpu: 50m, memory: 32Mi}
              limits: {memory: 64Mi}
            env:
            - {name: ASYA_LOG_LEVEL, value: debug}
          scaling:
            enabled: true
            minReplicas: 0
            maxReplicas: 8
            pollingInterval: 5
            cooldownPeriod: 180
            queueLength: 2
            advanced:
              formula: "queueLength * 2"
              target: "4"
              activationTarget: "1"
              metricType: AverageValue
              restoreToOriginalReplicaCount: true
          workload:
            kind: Deployment
            pythonExecutable: /opt/venv/bin/python
            template:
              metadata:
                labels: {team: vision}
              spec:
                nodeSelector: {node.example/gpu: "true"}
                tolerations:
                - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}
                containers:
                - name: asya-runtime
                  image: registry.example/caption:7
                  env:
                  - {name: ASYA_HANDLER, value: caption.Model.run}
                  resources:
                    limits: {nvidia.com/gpu: 1, memory: 24Gi}
        """

    static let enricher = """
        apiVersion: asya.sh/v1alpha1
        kind: AsyncActor
        metadata:
          name: enricher
          namespace: demo
        spec:
          transport: rabbitmq
          scaling: {enabled: false}
          workload:
            replicas: 3
            template:
              spec:
                containers:
                - name: asya-runtime
                  image: registry.example/enricher:2
                  env:
                  - {name: ASYA_HANDLER, value: enrich.handle}
                  - {name: ASYA_HANDLER_MODE, value: envelope}
                - name: cache
                  image: redis:7-alpine
        """
}
