"""No nn.Module, as beginners write it, and a ready one."""


class Model:
    def encode(self, x):
        return x, x

    def reparameterize(self, mu, logvar):
        return mu

    def decode(self, z):
        return z


model = Model()
number = 3
