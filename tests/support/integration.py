"""The base of the integration tests: what a test starts is stopped with it, whatever happens."""
import unittest

from application import Application
from broker import Broker
from gateway import Gateway
from sn import Device


class IntegrationTest(unittest.TestCase):
    def keep(self, resource):
        self.addCleanup(resource.close)
        return resource

    @classmethod
    def share(cls, resource):
        """Kept for all tests of the class."""
        cls.addClassCleanup(resource.close)
        return resource

    @classmethod
    def share_gateway_of_each_version(cls, broker, **sections):
        """By MQTT version, which is also the prefix of the client ids that the broker sees."""
        return {version: cls.share(Gateway(broker.url, **sections, broker={
                    "version": version, "client_id_prefix": f"{version}-", "gateway_client_id": f"gateway-{version}"}))
                for version in ("3.1", "3.1.1", "5")}

    def start_broker(self, *config, **options):
        return self.keep(Broker(*config, **options))

    def start_gateway(self, at, /, **sections):
        return self.keep(Gateway(at.url, **sections))

    def start_application(self, broker, *filters, **options):
        application = self.keep(Application(broker, **options))
        for each in filters:
            application.subscribe(each)
        return application

    def device(self, gateway, client_id="device"):
        """`gateway` is a Gateway or the address of one of its listeners."""
        return self.keep(Device(gateway, client_id))

    def connected(self, gateway, client_id="device", **options):
        device = self.device(gateway, client_id)
        self.assertEqual(device.connect(**options), 0, getattr(gateway, "log", gateway))
        return device
